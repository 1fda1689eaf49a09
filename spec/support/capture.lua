--- What a function writes to one of the program's standard files, through Lua or past it, without the file.
local system = require "dynamodb.system"

local DESCRIPTORS = { stdout = 1, stderr = 2 }

---@param name "stdout"|"stderr"
---@param f function
---@param ... any
---@return string text
---@return any ...    what the function returned
return function(name, f, ...)
  local real, real_write, written = io[name], system.write, {}
  local function settle(ok, ...)
    io[name] = real -- luacheck: ignore 122
    system.write = real_write
    if not ok then error(..., 0) end
    return table.concat(written), ...
  end
  -- luacheck: ignore 122
  io[name] = {
    write = function(_, ...) written[#written + 1] = table.concat { ... } end,
    flush = function() end,
  }
  system.write = function(descriptor, bytes)
    if descriptor ~= DESCRIPTORS[name] then return real_write(descriptor, bytes) end
    written[#written + 1] = bytes
    return true
  end
  return settle(pcall(f, ...))
end
