-- Queries and scans on a real engine: tables and indexes, keys of every type, interruptions at any place.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local engine = require "spec.support.engine"
local generate = require "spec.support.generate"

local SCALE = tonumber(os.getenv "SCALE") or 1
local e = dynamodb.expr

-- A table with a global and a local index; keys as DynamoDB types, sort keys of the three alike.
local function create(db, kind)
  local name = engine.prefix .. core.uuid()
  local function schema(partition, sort)
    return { { AttributeName = partition, KeyType = "HASH" }, { AttributeName = sort, KeyType = "RANGE" } }
  end
  assert(db:call("CreateTable", {
    TableName = name, BillingMode = "PAY_PER_REQUEST",
    AttributeDefinitions = {
      { AttributeName = "pk", AttributeType = "S" }, { AttributeName = "sk", AttributeType = kind },
      { AttributeName = "g", AttributeType = "S" }, { AttributeName = "l", AttributeType = kind },
    },
    KeySchema = schema("pk", "sk"),
    GlobalSecondaryIndexes = {
      { IndexName = "by_g", KeySchema = schema("g", "l"), Projection = { ProjectionType = "ALL" } },
      { IndexName = "keys_by_g", KeySchema = schema("g", "sk"), Projection = { ProjectionType = "KEYS_ONLY" } },
    },
    LocalSecondaryIndexes = {
      { IndexName = "by_l", KeySchema = schema("pk", "l"), Projection = { ProjectionType = "ALL" } },
    },
  }))
  local stop = db:now() + 60
  while assert(db:call("DescribeTable", { TableName = name })).Table.TableStatus ~= "ACTIVE" do
    assert(db:now() < stop)
    db:runtime():sleep(0.05)
  end
  return db:table(name) -- its keys are described
end

-- Key values whose order by DynamoDB is that of `i`, and not that of their texts.
local MAKERS = {
  S = function(i) return ("k%03d\195\164"):format(i) end,
  N = function(i) return i == 7 and dynamodb.number "-13.000000000000000000000000000000000001" or i - 20 end,
  B = function(i) return dynamodb.binary(string.char(math.floor(i / 8) * 30, i % 8, 255)) end,
}

describe("queries and scans on a real engine", function()
  local db
  setup(function() db = engine.connect() end)
  teardown(function() db:close() end)

  for kind, make in pairs(MAKERS) do
    describe("with sort keys of type " .. kind, function()
      local t

      setup(function()
        t = create(db, kind)
        assert(t:put_all((function()
          local list = {}
          for i = 0, 59 do
            list[#list + 1] = {
              pk = "p" .. i % 2, sk = make(i), g = "g" .. i % 3, l = make(59 - i), i = i, keep = i % 5 == 0,
              pad = ("x"):rep(i % 7 * 10),
            }
          end
          return list
        end)()))
      end)
      teardown(function() engine.drop_table(db, t.name) end)

      local function numbers(query)
        local list = {}
        for item in query do list[#list + 1] = item.i end
        return list
      end

      local function where(filter, reverse)
        local list = {}
        for i = 0, 59 do if filter(i) then list[#list + 1] = i end end
        if reverse then table.sort(list, function(a, b) return a > b end) end
        return list
      end

      it("gives a partition in order, forward and back", function()
        assert.same(where(function(i) return i % 2 == 1 end), numbers(t:query({ pk = "p1" }, { page_size = 7 })))
        assert.same(where(function(i) return i % 2 == 1 end, true),
          numbers(t:query({ pk = "p1" }, { reverse = true, consistent = true, page_size = 7 })))
      end)

      it("knows ranges of the sort key", function()
        local function odd(f) return where(function(i) return i % 2 == 1 and f(i) end) end
        assert.same(odd(function(i) return i < 9 end), numbers(t:query { pk = "p1", sk = e.lt(make(9)) }))
        assert.same(odd(function(i) return i >= 33 end), numbers(t:query { pk = "p1", sk = e.ge(make(33)) }))
        assert.same(odd(function(i) return i >= 9 and i <= 33 end),
          numbers(t:query { pk = "p1", sk = e.between(make(9), make(33)) }))
        assert.same({ 7 }, numbers(t:query { pk = "p1", sk = make(7) }))
        assert.same(odd(function(i) return i > 9 end),
          numbers(t:query("pk = :p and sk > :s", { values = { p = "p1", s = make(9) } })))
      end)

      it("reads global and local indexes, also by projections without keys", function()
        assert.same(where(function(i) return i % 3 == 1 end, true), numbers(t:index "by_g":query({ g = "g1" })))
        assert.same(where(function(i) return i % 2 == 0 end, true),
          numbers(t:index "by_l":query({ pk = "p0" }, { page_size = 4, attributes = { "i" } })))
        for item in t:index "by_g":query({ g = "g1" }, { attributes = { "i" }, page_size = 3 }) do
          assert.is_nil(next(item, next(item)))
        end
      end)

      it("reads the full items behind an index of keys", function()
        local q = t:index "keys_by_g":query({ g = "g2" }, { hydrate = true, page_size = 6 })
        assert.same(where(function(i) return i % 3 == 2 end), numbers(q))
        assert.equal(0, q:meta().gone)
        assert.is_nil(assert(t:index "keys_by_g":query({ g = "g2" }):first()).i)
      end)

      it("filters with items of each page counted", function()
        local q = t:query({ pk = "p1" }, { where = { keep = true }, page_size = 4 })
        assert.same(where(function(i) return i % 2 == 1 and i % 5 == 0 end), numbers(q))
        assert.equal(30, q:meta().scanned)
        assert.equal(6, assert(t:query({ pk = "p1" }, { where = "keep = :t", values = { t = true } }):count()))
      end)

      it("goes on from a cursor whatever the window of the sort key has become", function()
        local page = assert(t:query({ pk = "p1", sk = e.between(make(5), make(39)) }, { limit = 4 }):page())
        assert.equal(11, page.items[4].i)
        local function on(low, high)
          return t:query({ pk = "p1", sk = e.between(make(low), make(high)) }):page(page.cursor)
        end
        assert.equal(13, assert(on(7, 41)).items[1].i)
        assert.equal(21, assert(on(21, 41)).items[1].i) -- the window has left the position behind
        local nothing = assert(on(1, 9))
        assert.same({ 0, nil }, { #nothing.items, nothing.cursor })
      end)

      it("loses and doubles nothing when it is interrupted anywhere", function()
        for seed = 1, 12 * SCALE do
          local random = generate.new(seed * 7919 + #kind)
          local reading = random:pick { "query", "index", "local", "scan", "segments" }
          local base = {
            page_size = random:below(9), where = random:below(2) == 1 and { keep = true } or nil,
            attributes = random:below(2) == 1 and { "i" } or nil, prefetch = random:below(2) == 1,
          }
          if reading == "segments" then base.segments = random:below(4) end
          if reading:find "^[qil]" then base.reverse = random:below(2) == 1 end
          local got, cursor, rounds = {}, nil, 0
          repeat
            local options = { cursor = cursor }
            for name, value in pairs(base) do options[name] = value end
            local q = reading == "query" and t:query({ pk = "p1" }, options)
              or reading == "index" and t:index "by_g":query({ g = "g1" }, options)
              or reading == "local" and t:index "by_l":query({ pk = "p1" }, options) or t:scan(options)
            local some = random:below(20)
            while some > 0 do
              local item, err = q:next()
              assert.is_nil(err)
              if not item then break end
              got[#got + 1] = item.i
              some = some - 1
            end
            cursor = q:cursor()
            q:close()
            rounds = rounds + 1
            assert(rounds < 200)
          until not cursor
          table.sort(got)
          assert.same(where(function(i)
            local inside = reading == "index" and i % 3 == 1 or reading:find "^[ql]" and i % 2 == 1 or reading:find "^s"
            return inside and (not base.where or i % 5 == 0)
          end), got, ("seed %d: %s"):format(seed, reading))
        end
      end)
    end)
  end

  it("gives back what the service refuses, with where it stood", function()
    local t = db:table("dynamodb-spec-none", { partition = "pk" })
    local item, err = t:query({ pk = "x" }):next()
    assert.is_nil(item)
    assert.is_true(err:is "ResourceNotFound")
    assert.is_string(err.cursor)
  end)
end)
