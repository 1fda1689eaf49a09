-- Cursors: they lead where they came from, and nowhere else.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"
local model_reader = require "spec.support.model_reader"

local e = dynamodb.expr
local SCHEMA = {
  partition = "pk", sort = "sk", types = { pk = "S", sk = "N", group = "S" },
  indexes = { by_group = { partition = "group", sort = "sk" } },
}
local CURRENT, PREVIOUS, OTHER = "current key 0123456789", "previous key 012345678", "some other key 01234567"

local function new_table(options, name, schema)
  local items = {}
  for i = 1, 20 do items[i] = { pk = "p", sk = i, group = "g", v = i, keep = true } end
  local runtime = fake.new { handler = model_reader.new(items, 5) }
  local all = { region = "eu-west-1", access_key_id = "AK", secret_access_key = "SK", runtime = runtime }
  for option, value in pairs(options or {}) do all[option] = value end
  return dynamodb.connect(all):table(name or "t", schema or SCHEMA), runtime
end

-- A cursor in the middle of a page.
local function cursor_of(t)
  local q = t:query({ pk = "p" }, { limit = 3 })
  return assert(q:page()).cursor
end

-- The query refuses the cursor with that message and sends nothing.
local function refuses(message, query, runtime, before)
  local item, err = query:next()
  assert.is_nil(item)
  assert.equal("InvalidCursor", err.code)
  assert.matches(message, err.message, 1, true)
  assert.equal(before or 0, #runtime.requests)
end

describe("a cursor", function()
  it("is URL-safe and leads behind the last item", function()
    local t = new_table()
    local cursor = cursor_of(t)
    assert.matches("^[%w_-]+$", cursor)
    assert.equal(4, assert(t:query({ pk = "p" }, { cursor = cursor }):first()).v)
  end)

  it("is bound to table, index, partition, direction and kind", function()
    for _, keys in ipairs { false, { CURRENT } } do
      local options = { cursor_keys = keys or nil }
      local cursor = cursor_of((new_table(options)))
      local t, runtime = new_table(options)
      local with = { cursor = cursor }
      refuses("made for another table", new_table(options, "other"):query({ pk = "p" }, with), runtime)
      refuses("made for another", t:query({ pk = "q" }, with), runtime)
      refuses("made for another", t:query({ pk = "p" }, { cursor = cursor, reverse = true }), runtime)
      refuses("made for another", t:index "by_group":query({ group = "g" }, with), runtime)
      refuses("made for another", t:scan(with), runtime)
      refuses("made for another", t:scan { segments = 2, cursor = cursor }, runtime)
    end
  end)

  it("is not bound to filters, page sizes and the bounds of the sort key", function()
    local t = new_table()
    local cursor = cursor_of(t)
    local q = t:query({ pk = "p", sk = e.ge(2) }, { cursor = cursor, where = { v = e.exists }, page_size = 2 })
    assert.equal(4, assert(q:next()).v)
  end)

  it("is refused when any character of it was changed, cut or added", function()
    local t, runtime = new_table { cursor_keys = { CURRENT } }
    local cursor = cursor_of(t)
    local before = #runtime.requests
    for i = 1, #cursor do
      local other = cursor:sub(i, i) == "A" and "B" or "A"
      local changed = cursor:sub(1, i - 1) .. other .. cursor:sub(i + 1)
      refuses("", t:query({ pk = "p" }, { cursor = changed }), runtime, before)
      refuses("", t:query({ pk = "p" }, { cursor = cursor:sub(1, i - 1) }), runtime, before)
    end
    for _, text in ipairs { cursor .. "A", cursor .. "=", " " .. cursor, "", "\0", ("A"):rep(100) } do
      refuses("", t:query({ pk = "p" }, { cursor = text }), runtime, before)
    end
  end)

  it("is refused when it is too long, before it is looked at", function()
    local t, runtime = new_table()
    refuses("too long", t:query({ pk = "p" }, { cursor = ("A"):rep(2 ^ 17 + 1) }), runtime)
  end)

  it("is signed by the current key and accepted from previous ones", function()
    local old = cursor_of((new_table { cursor_keys = { PREVIOUS } }))
    local t, runtime = new_table { cursor_keys = { CURRENT, PREVIOUS } }
    assert.equal(4, assert(t:query({ pk = "p" }, { cursor = old }):first()).v)
    local new = cursor_of(t)
    local before = #runtime.requests
    local others = cursor_of((new_table { cursor_keys = { OTHER } }))
    refuses("signed with another key", t:query({ pk = "p" }, { cursor = others }), runtime, before)
    refuses("it is not signed", t:query({ pk = "p" }, { cursor = cursor_of((new_table())) }), runtime, before)
    local rotated = new_table { cursor_keys = { OTHER, CURRENT } }
    assert(rotated:query({ pk = "p" }, { cursor = new }):first())
    local without, its_runtime = new_table()
    refuses("no cursor_keys to check that", without:query({ pk = "p" }, { cursor = new }), its_runtime)
  end)

  it("can have keys of one query's own", function()
    local t = new_table()
    local page = assert(t:query({ pk = "p" }, { limit = 3, cursor_keys = { CURRENT } }):page())
    local next_page = assert(t:query({ pk = "p" }, { limit = 3, cursor_keys = { CURRENT } }):page(page.cursor))
    assert.equal(4, next_page.items[1].v)
    local none, err = t:query({ pk = "p" }, { limit = 3 }):page(page.cursor)
    assert.is_nil(none)
    assert.is_true(err:is "InvalidCursor")
  end)

  it("holds a key of the table or it is refused, whoever signed it", function()
    local t, runtime = new_table()
    local q = t:query({ pk = "p" })
    local function sealed(content) return core.seal(content, q.plan.context) end
    for _, content in ipairs {
      '{"s":"p","p":[{"pk":{"S":"p"}}]}', '{"s":"p","p":[{"pk":{"S":"p"},"sk":{"S":"1"}}]}',
      '{"s":"p","p":[{"pk":{"S":"other"},"sk":{"N":"1"}}]}', '{"s":"p","p":[]}', '{"s":"p","p":[{}]}',
      '{"s":"p","p":[{"pk":{"S":"p"},"sk":{"N":"1"},"x":{"S":"1"}}]}', '{"s":"pp","p":[]}', '{"s":1}', "[]", "{}", "",
      '{"s":"p","p":[7]}', '{"s":"p","p":{"a":1}}',
    } do
      refuses("", t:query({ pk = "p" }, { cursor = sealed(content) }), runtime)
    end
  end)

  it("is of the type that the query compares it with, also where the table's types are not declared", function()
    local t, runtime = new_table(nil, nil, { partition = "pk", sort = "sk" })
    local context = t:query({ pk = "p" }).plan.context
    local cursor = core.seal('{"s":"p","p":[{"pk":{"S":"p"},"sk":{"N":"1"}}]}', context)
    for _, condition in ipairs { e.gt "a", e.begins_with "a", e.le(dynamodb.binary "a") } do
      refuses("not one of this table", t:query({ pk = "p", sk = condition }, { cursor = cursor }), runtime)
    end
  end)

  it("tells of several segments at once", function()
    local t = new_table { cursor_keys = { CURRENT } }
    local got, cursor = {}, nil
    repeat
      local q = t:scan { segments = 3, page_size = 2, cursor = cursor, limit = 3 }
      for item in q do got[#got + 1] = item.v end
      cursor = q:cursor()
    until not cursor
    table.sort(got)
    assert.equal(20, #got)
    for i = 1, 20 do assert.equal(i, got[i]) end
  end)

  it("shows no key of the program's", function()
    local t = new_table { cursor_keys = { CURRENT } }
    local q = t:query({ pk = "p" }, { cursor = "x", cursor_keys = { OTHER } })
    local _, err = q:next()
    for _, text in ipairs { tostring(q), tostring(err), tostring(t), tostring(t.client) } do
      assert.is_nil(text:find(CURRENT, 1, true) or text:find(OTHER, 1, true))
    end
  end)
end)

describe("a sort key's window that has moved", function()
  local function keys(query)
    local list = {}
    for item in query do list[#list + 1] = item.sk end
    return list
  end

  it("is read from its beginning when the position lies before it, and not at all when it lies behind", function()
    local t, runtime = new_table()
    local q = t:query({ pk = "p", sk = e.between(3, 12) }, { limit = 4 })
    local cursor = assert(q:page()).cursor -- behind 6
    assert.same({ 7, 8 }, keys(t:query({ pk = "p", sk = e.between(5, 8) }, { cursor = cursor })))
    assert.same({ 9, 10 }, keys(t:query({ pk = "p", sk = e.between(9, 10) }, { cursor = cursor })))
    local before = #runtime.requests
    assert.same({}, keys(t:query({ pk = "p", sk = e.between(1, 4) }, { cursor = cursor })))
    assert.equal(before, #runtime.requests)
  end)

  it("is so backwards, too: the last seven days, newest first", function()
    local t = new_table()
    local page = assert(t:query({ pk = "p", sk = e.between(5, 12) }, { reverse = true, limit = 3 }):page())
    assert.same({ 12, 11, 10 }, { page.items[1].sk, page.items[2].sk, page.items[3].sk })
    local cursor = page.cursor
    local function moved(low, high)
      return keys(t:query({ pk = "p", sk = e.between(low, high) }, { reverse = true, cursor = cursor }))
    end
    assert.same({ 9, 8, 7 }, moved(7, 14))  -- "now" has moved on: nothing new is shown twice or in between
    assert.same({}, moved(15, 20))          -- all that is left has become too old
    assert.same({ 4, 3 }, moved(3, 4))
  end)

  it("is compared by bytes and by value, not by texts", function()
    local keys_of = require "dynamodb.query.keys"
    local function side(condition, position)
      return keys_of.side({ partition = {}, sort = { condition } }, { s = position })
    end
    assert.equal(1, side({ name = "s", op = "lt", 9 }, 10))
    assert.equal(0, side({ name = "s", op = "le", dynamodb.number "9.00000000000000000000000000000000001" }, 9))
    assert.equal(-1, side({ name = "s", op = "gt", "a" }, "Z"))
    assert.equal(0, side({ name = "s", op = "begins_with", "ORDER#" }, "ORDER#7"))
    assert.equal(-1, side({ name = "s", op = "begins_with", "ORDER#" }, "ORDER"))
    assert.equal(1, side({ name = "s", op = "begins_with", "ORDER#" }, "PROFILE"))
    assert.equal(1, side({ name = "s", op = "eq", dynamodb.binary "\127" }, dynamodb.binary "\128"))
  end)
end)
