--- What holds for every value, tried on generated ones: SEED=n repeats a run, SCALE=n makes it n times as long.
local core = require "dynamodb.core"
local equal = require "spec.support.equal"
local generate = require "spec.support.generate"

local SCALE = (tonumber(os.getenv "SCALE") or 1) * (os.getenv "FLAVOUR" == "asan" and 1 / 50 or 1)
local SEED = tonumber(os.getenv "SEED") or 20261122

--- Runs `holds` on `count` values that `make` gives; a fault is shown with the smallest value that has it.
local function property(count, make, holds)
  local generator = generate.new(SEED)
  for i = 1, count do
    local value = make(generator)
    local ok, result = pcall(holds, value, generator)
    if not (ok and result) then
      local small = generate.shrink(value, function(candidate)
        local fine, kept = pcall(holds, candidate, generate.new(i))
        return not (fine and kept)
      end)
      local _, text = pcall(core.json_encode, small)
      error(("case %d of seed %d: %s %s"):format(i, SEED, text, ok and "" or tostring(result)), 0)
    end
  end
end

local function any(generator) return generator:value(generator:below(5)) end

--- One number with 38 digits, or a hand's breadth of anything; what 100,000 cases are made of.
local function small(generator)
  if generator:below(2) == 1 then return generator:number() end
  return generator:value(generator:below(3) - 1)
end

describe("every value", function()
  it("comes back equal from the wire", function()
    property(100000 * SCALE, small, function(value)
      return equal.same(value, core.unmarshal_value(core.marshal_value(value)))
    end)
  end)

  it("comes back equal from the wire, nested", function()
    property(3000 * SCALE, any, function(value)
      return equal.same(value, core.unmarshal_value(core.marshal_value(value)))
    end)
  end)

  it("comes back equal from the wire, up to 32 levels deep", function()
    property(2000 * SCALE, function(generator)
      local value = generator:value(2)
      for _ = 1, generator:below(30) do
        if generator:below(2) == 1 then
          value = setmetatable({ value }, core.list_mt)
        else
          value = { [generator:string()] = value }
        end
      end
      return value
    end, function(value)
      return equal.same(value, core.unmarshal_value(core.marshal_value(value)))
    end)
  end)

  it("is on the wire what another reader of JSON sees, and stays that", function()
    property(3000 * SCALE, any, function(value)
      local text = core.marshal_value(value)
      return equal.canonical(text) == equal.canonical(core.marshal_value(core.unmarshal_value(text)))
    end)
  end)

  it("keeps its number exactly, however it is decoded", function()
    property(10000 * SCALE, function(generator) return generator:number() end, function(number)
      local text = core.marshal_value(number)
      local exact = core.unmarshal_value(text, { numbers = "exact" })
      local digits = core.unmarshal_value(text, { numbers = "string" })
      return core.compare(exact, number) == 0 and core.compare(core.number(digits), number) == 0
        and core.key(exact) == core.key(number) and core.marshal_value(exact) == text
        and equal.number(digits) == equal.number(tostring(exact))
    end)
  end)

  it("orders numbers as their distance tells", function()
    property(10000 * SCALE, function(generator) return { generator:number(), generator:number() } end, function(pair)
      local a, b = pair[1], pair[2]
      local order, near = core.compare(a, b), tonumber(tostring(a)) - tonumber(tostring(b))
      return order == -core.compare(b, a) and (near == 0 or (near < 0) == (order < 0))
        and (order == 0) == (core.key(a) == core.key(b))
    end)
  end)

  it("is plain JSON that reads back", function()
    property(3000 * SCALE, any, function(value)
      local text = core.json_encode(value)
      return core.json_encode(core.json_decode(text)) ~= nil
    end)
  end)
end)

describe("every text, a little wrong,", function()
  --- A byte changed, taken out or put in, or the end cut off; one to three times.
  local function mutated(generator, text)
    for _ = 1, generator:below(3) do
      local at, kind = generator:below(#text), generator:below(5)
      local byte = generator:below(2) == 1 and string.char(generator:below(256) - 1) or generator:pick {
        '"', "{", "}", "[", "]", ":", ",", "\\", "S", "N", "B", "M", "L", "0", "e", "-", ".", "n", "u", " " }
      if kind == 1 then text = text:sub(1, at)
      elseif kind == 2 then text = text:sub(1, at - 1) .. text:sub(at + 1)
      elseif kind == 3 then text = text:sub(1, at) .. byte .. text:sub(at + 1)
      else text = text:sub(1, at - 1) .. byte .. text:sub(at + 1) end
      if text == "" then return text end
    end
    return text
  end

  --- What the wire may hold, but a request may not.
  local UNWRITABLE = { "a set cannot be empty$", "more than 32 levels of lists and maps$" }

  it("is refused with a message, or gives a value that can be written again", function()
    property(30000 * SCALE, small, function(value, generator)
      local text = mutated(generator, core.marshal_value(value))
      local got, message = core.unmarshal_value(text)
      if message then return got == nil and type(message) == "string" end
      local ok, again = pcall(core.marshal_value, got)
      if ok then return equal.same(got, core.unmarshal_value(again)) or equal.canonical(again) ~= nil end
      for _, pattern in ipairs(UNWRITABLE) do
        if again:find(pattern) then return true end
      end
      error(text .. " → " .. again, 0)
    end)
  end)

  it("is no trap for the reader of plain JSON", function()
    property(30000 * SCALE, small, function(value, generator)
      local text = mutated(generator, core.json_encode(value))
      local got, message = core.json_decode(text)
      if message then return got == nil and type(message) == "string" end
      return type(core.json_encode(got)) == "string"
    end)
  end)
end)
