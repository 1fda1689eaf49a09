--- What spec/fuzz/unmarshal.c runs for each input: a function of the first byte and the rest.
local core = require "dynamodb.core"

local shapes = {
  core.shape "i",
  core.shape "(Item i,ConsumedCapacity)",
  core.shape "(Items [i],LastEvaluatedKey i,Count)",
  core.shape "(Responses {[i]},UnprocessedKeys {(Keys [i])})",
  core.shape "(Records [(dynamodb (Keys i,NewImage i,OldImage i))])",
  core.shape "(Item i,CancellationReasons [(Item i)])",
  core.shape "(Value v,List [v],Map {v})",
}
local numbers = {
  core.options { numbers = "native" }, core.options { numbers = "exact" }, core.options { numbers = "string" },
}

--- Values that a reader takes from the wire and a writer refuses: more than 32 levels, empty sets.
local function is_limit(message)
  return message:find("levels", 1, true) or message:find("empty", 1, true)
end

local equal

local function equal_sets(a, b)
  local keys = {}
  for _, value in ipairs(a) do keys[core.key(value)] = true end
  for _, value in ipairs(b) do
    if not keys[core.key(value)] then return false end
  end
  return true
end

local function equal_tables(a, b)
  if getmetatable(a) ~= getmetatable(b) then return false end
  if getmetatable(a) == core.set_mt then return equal_sets(a, b) and equal_sets(b, a) end
  for key, value in next, a do
    if not equal(value, rawget(b, key)) then return false end
  end
  for key in next, b do
    if rawget(a, key) == nil then return false end
  end
  return true
end

function equal(a, b)
  if type(a) == "table" and type(b) == "table" then return equal_tables(a, b) end
  if a == nil or b == nil then return a == b end
  local key = core.key(a)
  if key == nil then return rawequal(a, b) end
  return key == core.key(b)
end

--- write(value) must give text from which read gives an equal value; a limit of DynamoDB's may stop it.
local function goes_round(value, write, read)
  local ok, text = pcall(write, value)
  if not ok then
    assert(is_limit(text), text)
    return
  end
  assert(equal(value, (read(text))), "not the same after " .. text)
end

local function result(value, message)
  assert(value ~= nil or type(message) == "string", "neither a value nor a message")
  return value
end

local function check_item(text)
  local item = result(core.unmarshal(text))
  if item then goes_round(item, core.marshal, core.unmarshal) end
end

local function check_value(text)
  local value = result(core.unmarshal_value(text))
  if value ~= nil then goes_round(value, core.marshal_value, core.unmarshal_value) end
end

local function check_options(text, options)
  local item = result(core.unmarshal(text, options))
  if item then pcall(core.marshal, item, options) end
end

local function check_json(text)
  local value = result(core.json_decode(text))
  if value ~= nil then goes_round(value, core.json_encode, core.json_decode) end
end

local function check_shape(text, shape)
  local answer = result(core.decode(shape, text))
  if not answer then return end
  local body, message = core.encode(shape, answer, nil, false)
  if not body then
    assert(is_limit(message), message)
    return
  end
  assert(equal(answer, assert(core.decode(shape, body))), "not the same after " .. body)
end

return function(choice, text)
  choice = choice % 16
  if choice < 4 then check_item(text)
  elseif choice < 5 then check_value(text)
  elseif choice < 8 then check_options(text, numbers[choice - 4])
  elseif choice == 15 then check_json(text)
  else check_shape(text, shapes[choice - 7]) end
end
