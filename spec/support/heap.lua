--- What lives in the heap, in KB, after everything that is dead has been collected: what specs on memory compare.
---@return number
return function()
  if rawget(_G, "jit") then require("jit").flush() end -- or LuaJIT's traces, which come and go, would be counted
  collectgarbage()
  collectgarbage()
  return collectgarbage "count"
end
