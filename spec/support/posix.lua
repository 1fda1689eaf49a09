--- `posix.c` beside this file, compiled when it is first asked for, for the Lua that asks.
local jit = rawget(_G, "jit")
local name = jit and "luajit" or _VERSION:match("%d%.%d")
local packages = { luajit = "luajit", ["5.4"] = "lua5.4", ["5.3"] = "lua5.3" }
local directories = { luajit = "luajit-2.1", ["5.4"] = "lua5.4", ["5.3"] = "lua5.3" }

local source = debug.getinfo(1, "S").source:match("^@(.*)%.lua$") .. ".c"
local library = "build/spec/" .. name .. "/posix.so"

local function succeeds(command)
  local result = os.execute(command)
  return result == true or result == 0
end

if not succeeds(("test %s -nt %s"):format(library, source)) then
  -- Made under another name first: several runners may be at it.
  local command = ([[unset LD_PRELOAD; mkdir -p build/spec/%s && o=$(mktemp build/spec/%s/XXXXXX) &&
    cc -std=c11 -O1 -fPIC -shared $(pkg-config --cflags %s 2>/dev/null) -I/usr/include/%s -o $o %s &&
    mv $o %s]]):format(name, name, packages[name], directories[name], source, library)
  assert(succeeds(command), "cannot compile " .. source)
end

return assert(package.loadlib("./" .. library, "luaopen_support_posix"))()
