--- Rooms that not every program enters: loaded when one of their functions is first asked for. What a Lambda function
--- never uses costs it neither time at its start nor memory.
---
--- In nginx they are loaded at once: its master reads them for all its workers, which may not be allowed to read files,
--- and must not wait for a disk.

---@param name string      of a module that returns a table of functions
---@return table
local function lazy(name)
  if rawget(_G, "ngx") then return require(name) end
  return setmetatable({}, {
    __index = function(self, key)
      local found = require(name)[key]
      self[key] = found
      return found
    end,
  })
end

return lazy
