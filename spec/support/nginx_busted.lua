--- Busted inside an nginx worker: spec files, as they stand, in the phase of nginx that calls this.
---
---   location /content { content_by_lua_block { require "spec.support.nginx_busted" { "spec/x_spec.lua" } } }
---
--- Its output goes to nginx's own; the last line is that of spec/support/report.lua.
local ffi = require "ffi"

local SIGCHLD = 17

ffi.cdef [[
  typedef void (*spec_handler)(int);
  spec_handler signal(int, spec_handler);
]]

-- What busted ends the process with.
local function stay(code) error { exit = code } end

--- Another process of the program is another light thread here: a fork of a worker would share its event loop.
local function fork(f)
  local thread = ngx.thread.spawn(function()
    local ok, result = pcall(f)
    return ok and 0 or 1, tostring(result)
  end)
  local child, output = {}, nil
  function child.wait()
    local _, code, result = ngx.thread.wait(thread)
    output = result
    return code
  end
  function child.output() return output end
  return child
end

---@param files string[]
return function(files)
  -- nginx reaps all children by itself; here specs wait for their own.
  ffi.C.signal(SIGCHLD, nil)
  rawset(_G, "arg", { [0] = "busted", "--run=named", "-o", "spec/support/report.lua", unpack(files) })
  rawset(os, "exit", stay)
  require("spec.support.process").fork = fork
  local ok, raised = pcall(require "busted.runner", { standalone = false })
  if ok or type(raised) == "table" and raised.exit then return end
  io.write("busted failed: ", tostring(raised), "\npassed=0 failed=1 pending=0\n")
  io.flush()
end
