--- The sum of what several answers say that they consumed.

--- Adds one ConsumedCapacity to a sum: numbers are added, in whatever depth they stand.
---@param sum table?
---@param consumed table?    of an answer
---@return table?            the sum, which is the table that was given if there was one
local function add(sum, consumed)
  if type(consumed) ~= "table" then return sum end
  sum = sum or {}
  for name, value in pairs(consumed) do
    if type(value) == "number" then
      sum[name] = (tonumber(sum[name]) or 0) + value
    elseif type(value) == "table" then
      sum[name] = add(type(sum[name]) == "table" and sum[name] or {}, value)
    else
      sum[name] = value
    end
  end
  return sum
end

return { add = add }
