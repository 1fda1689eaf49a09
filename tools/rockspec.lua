--- Writes the list of modules in the rockspec from the files in csrc/ and lua/; with `--check` it only compares.
local rockspec = "rockspec/dynamodb-scm-1.rockspec"

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local function find(arguments)
  local files = {}
  local pipe <close> = assert(io.popen("LC_ALL=C find " .. arguments .. " | LC_ALL=C sort"))
  for path in pipe:lines() do files[#files + 1] = path end
  return files
end

local out = {}
local function put(...) out[#out + 1] = string.format(...) end

local function c_module(name, sources, dependencies)
  put('    ["%s"] = {', name)
  put("      sources = {")
  for _, path in ipairs(sources) do put('        "%s",', path) end
  put("      },")
  local includes, directories, libraries = { '"csrc"' }, {}, {}
  for _, dependency in ipairs(dependencies) do
    if dependency.header then includes[#includes + 1] = ('"$(%s_INCDIR)"'):format(dependency.name) end
    directories[#directories + 1] = ('"$(%s_LIBDIR)"'):format(dependency.name)
    libraries[#libraries + 1] = ('"%s"'):format(dependency.library)
  end
  put("      incdirs = { %s },", table.concat(includes, ", "))
  put("      libdirs = { %s },", table.concat(directories, ", "))
  if name == "dynamodb.core" then libraries[#libraries + 1] = '"m"' end
  put("      libraries = { %s },", table.concat(libraries, ", "))
  put("    },")
end

local spec = {}
assert(loadfile(rockspec, "t", spec))()
local function dependency(name)
  local known = assert(spec.external_dependencies[name], name)
  return { name = name, library = known.library, header = known.header }
end

put("  modules = {")
c_module("dynamodb.core", find "csrc/engine csrc/bind -name '*.c'", { dependency "CRYPTO", dependency "ZLIB" })
local curl = find "csrc/curl -name '*.c'"
curl[#curl + 1] = "csrc/engine/buffer.c"
curl[#curl + 1] = "csrc/engine/http_request.c"
c_module("dynamodb.curl", curl, { dependency "CURL" })
local system = find "csrc/system -name '*.c'"
system[#system + 1] = "csrc/engine/buffer.c"
c_module("dynamodb.system", system, {})
for _, path in ipairs(find "lua -name '*.lua'") do
  put('    ["%s"] = "%s",', path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/", "."), path)
end
put("  },")

local old = read(rockspec)
local modules = table.concat(out, "\n"):gsub("%%", "%%%%")
local new = old:gsub("  modules = {.-\n  },", modules, 1)
if new == old then os.exit(true) end
if arg[1] == "--check" then
  io.stderr:write(rockspec, " does not list what csrc/ and lua/ hold: run `make rockspec`\n")
  os.exit(false)
end
local file <close> = assert(io.open(rockspec, "w"))
file:write(new)
