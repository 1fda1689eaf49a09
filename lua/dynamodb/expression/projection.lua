--- Which attributes to return, written as a ProjectionExpression.
local usage = require "dynamodb.usage"
local path = require "dynamodb.expression.path"

--- Writes a ProjectionExpression. A string is DynamoDB's text of a path (`address.city`, `tags[0]`).
---@param builder dynamodb.ExpressionBuilder
---@param attributes (string|dynamodb.Path)[]
---@return string text
local function write(builder, attributes)
  if type(attributes) ~= "table" or path.is_path(attributes) then usage.raise("attributes must be a list of paths") end
  local count = 0
  for key in pairs(attributes) do
    if type(key) ~= "number" then usage.raise("attributes must be a list of paths, not a map") end
    count = count + 1
  end
  if count == 0 then usage.raise("attributes is empty: name at least one, or leave it out") end
  if count ~= #attributes then usage.raise("attributes has a hole") end
  local overlaps, texts = path.overlaps(), {}
  for i, attribute in ipairs(attributes) do
    local segments = attribute
    if type(attribute) == "string" then
      segments = path.parse(attribute, "attributes")
    elseif not path.is_path(attribute) then
      usage.raise(("attributes[%d] must be a path, not a %s"):format(i, type(attribute)))
    end
    local other = overlaps(segments)
    if other then usage.raise(("attributes: %q overlaps with %q"):format(path.text(segments), other)) end
    texts[i] = builder:path(segments, ("attributes[%d]"):format(i))
  end
  return table.concat(texts, ", ")
end

--- The attributes and, behind them, whole names that are needed as well; and which of those nobody asked for.
---@param attributes (string|dynamodb.Path)[]
---@param names string[]
---@return (string|dynamodb.Path)[] all
---@return string[] unwanted
local function with(attributes, names)
  local all, whole, unwanted = {}, {}, {}
  for i, attribute in ipairs(attributes) do
    all[i] = attribute
    local segments = path.is_path(attribute) and attribute or path.parse(attribute, "attributes")
    if #segments == 1 then whole[segments[1]] = true end
  end
  for _, name in ipairs(names) do
    if not whole[name] then
      all[#all + 1], unwanted[#unwanted + 1] = path.new(name), name
    end
  end
  return all, unwanted
end

return { write = write, with = with }
