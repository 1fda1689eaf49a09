--- A value as Lua text, for a process that reads it with `load`: tables of tables, strings, numbers and booleans.
---@param value any
---@return string
local function literal(value)
  if type(value) ~= "table" then return type(value) == "string" and ("%q"):format(value) or tostring(value) end
  local parts = {}
  for key, member in pairs(value) do parts[#parts + 1] = ("[%s]=%s"):format(literal(key), literal(member)) end
  return "{" .. table.concat(parts, ",") .. "}"
end

return literal
