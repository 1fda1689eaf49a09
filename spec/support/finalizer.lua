--- Something whose finalizer calls `run`, in every Lua: tables have none in 5.1.
---@param run fun()
---@return any
return function(run)
  local newproxy = rawget(_G, "newproxy")
  if not newproxy then return setmetatable({}, { __gc = run }) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = run
  return proxy
end
