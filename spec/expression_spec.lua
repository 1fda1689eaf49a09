local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local expression = require "dynamodb.expression"

local e = dynamodb.expr

-- The text of a condition with its placeholders filled in, so that a spec reads like the condition.
local function spelled(text, params)
  return (text:gsub("#%d+", function(alias) return params.ExpressionAttributeNames[alias] end)
    :gsub(":%d+", function(placeholder) return core.json_encode(params.ExpressionAttributeValues[placeholder]) end))
end

local function condition(where)
  local builder, params = expression.new(), {}
  local text = builder:condition(where)
  builder:finish(params)
  return spelled(text, params), text, params
end

local function update(changes, protected)
  local builder, params = expression.new(), {}
  local text, safe = builder:update(changes, protected or {})
  builder:finish(params)
  return spelled(text, params), safe, text, params
end

local function projection(attributes)
  local builder, params = expression.new(), {}
  local text = builder:projection(attributes)
  builder:finish(params)
  return spelled(text, params), params
end

local function refuses(message, f, ...)
  local ok, raised = pcall(f, ...)
  assert.is_false(ok)
  assert.matches(message, tostring(raised), 1, true)
  assert.matches("expression_spec.lua:", tostring(raised), 1, true)
end

describe("a condition as a table", function()
  it("compares with a value, names sorted, all of them to hold", function()
    assert.equal('a = 1 AND b = "x" AND c = true', (condition { c = true, a = 1, b = "x" }))
  end)

  it("aliases every name and binds every value", function()
    local _, text, params = condition { status = "open" }
    assert.equal("#0 = :0", text)
    assert.same({ ["#0"] = "status" }, params.ExpressionAttributeNames)
    assert.same({ [":0"] = "open" }, params.ExpressionAttributeValues)
  end)

  it("takes a key with dots for one whole name", function()
    local _, text, params = condition { ["address.city"] = "Graz" }
    assert.equal("#0 = :0", text)
    assert.same({ ["#0"] = "address.city" }, params.ExpressionAttributeNames)
  end)

  it("reaches into a document by a path, positions counted from 1", function()
    local _, text, params = condition { [dynamodb.path("a.b", "tags", 3, "n")] = 1 }
    assert.equal("#0.#1[2].#2 = :0", text)
    assert.same({ ["#0"] = "a.b", ["#1"] = "tags", ["#2"] = "n" }, params.ExpressionAttributeNames)
  end)

  it("has every comparison", function()
    assert.equal("a = 1", (condition { a = e.eq(1) }))
    assert.equal("a <> 1", (condition { a = e.ne(1) }))
    assert.equal("a < 1", (condition { a = e.lt(1) }))
    assert.equal("a <= 1", (condition { a = e.le(1) }))
    assert.equal("a > 1", (condition { a = e.gt(1) }))
    assert.equal("a >= 1", (condition { a = e.ge(1) }))
    assert.equal("a BETWEEN 1 AND 2", (condition { a = e.between(1, 2) }))
    assert.equal('begins_with(a, "x")', (condition { a = e.begins_with "x" }))
    assert.equal('contains(a, "x")', (condition { a = e.contains "x" }))
    assert.equal('attribute_type(a, "SS")', (condition { a = e.type "SS" }))
  end)

  it("asks whether an attribute is there, beside its name or alone", function()
    assert.equal("attribute_exists(a)", (condition { a = e.exists }))
    assert.equal("attribute_exists(a)", (condition { a = e.exists() }))
    assert.equal("attribute_exists(a)", (condition(e.exists "a")))
    assert.equal("attribute_not_exists(a)", (condition { a = e.missing }))
    assert.equal("attribute_not_exists(a.b)", (condition(e.missing(dynamodb.path("a", "b")))))
  end)

  it("compares sizes", function()
    assert.equal("size(a) = 3", (condition { a = e.size(3) }))
    assert.equal("size(a) > 3", (condition { a = e.size(e.gt(3)) }))
    assert.equal("size(a) BETWEEN 1 AND 2", (condition { a = e.size(e.between(1, 2)) }))
    refuses("does not apply to a size", condition, { a = e.size(e.exists) })
    refuses("does not apply to a size", condition, { a = e.size(e.size(3)) })
  end)

  it("compares with another attribute", function()
    assert.equal("a = b", (condition { a = e.attr "b" }))
    assert.equal("a > b", (condition { a = e.gt(e.attr "b") }))
    assert.equal("a > b.c", (condition { a = e.gt(dynamodb.path("b", "c")) }))
    assert.equal("a BETWEEN b AND 9", (condition { a = e.between(e.attr "b", 9) }))
  end)

  it("takes a plain table as a value, whatever is in it", function()
    local _, text, params = condition { a = { op = "exists", gt = 3 } }
    assert.equal("#0 = :0", text)
    assert.same({ [":0"] = { op = "exists", gt = 3 } }, params.ExpressionAttributeValues)
  end)

  it("puts parentheses where they are needed and nowhere else: DynamoDB refuses redundant ones", function()
    assert.equal("a = 1 OR b = 2", (condition(e.any { a = 1, b = 2 })))
    assert.equal("a = 1 OR b = 2", (condition(e.any({ a = 1 }, { b = 2 }))))
    assert.equal("a = 1 OR b = 2", (condition(e.any { { a = 1 }, { b = 2 } })))
    assert.equal("a = 1", (condition(e.any { a = 1 })))
    assert.equal("a = 1 AND b = 2 AND c = 3", (condition { a = 1, e.all { b = 2, e.all { { c = 3 } } } }))
    assert.equal("a = 1 AND (b = 2 OR c = 3)", (condition { a = 1, e.any { b = 2, c = 3 } }))
    assert.equal("(a = 1 AND b = 2) OR c = 3", (condition(e.any({ a = 1, b = 2 }, { c = 3 }))))
    assert.equal("a = 1 OR b = 2 OR c = 3", (condition(e.any(e.any { a = 1, b = 2 }, { c = 3 }))))
  end)

  it("negates", function()
    assert.equal("NOT (a = 1)", (condition(e.not_ { a = 1 })))
    assert.equal("NOT (a = 1 OR b = 2)", (condition(e.not_(e.any { a = 1, b = 2 }))))
    assert.equal("NOT (a IN (1, 2))", (condition { a = e.not_(e.in_ { 1, 2 }) }))
    assert.equal("NOT (NOT (a = 1))", (condition(e.not_(e.not_ { a = 1 }))))
  end)

  it("says several things of one attribute", function()
    assert.equal("(a < 3 OR a > 10) AND b = 1", (condition { a = e.any(e.lt(3), e.gt(10)), b = 1 }))
    assert.equal("a > 3 AND a <> 5", (condition { a = e.all { e.gt(3), e.ne(5) } }))
    assert.equal("a = 1 OR a = 2", (condition { a = e.any(1, 2) }))
  end)

  it("shares placeholders of equal scalars and names", function()
    local _, text, params = condition { a = 1, b = 1.0, c = "1", [dynamodb.path("c", "a")] = dynamodb.number "1E0" }
    assert.equal("#0 = :0 AND #1 = :0 AND #2 = :1 AND #2.#0 = :0", text)
    assert.same({ [":0"] = 1, [":1"] = "1" }, params.ExpressionAttributeValues)
  end)

  it("tells which attributes it mentions, by the first names of their paths", function()
    local builder = expression.new()
    builder:condition { z = 1 }
    local _, top = builder:condition { a = 1, [dynamodb.path("b", "x", 1)] = e.gt(e.attr "c"), e.exists "d",
      e.any { e = e.size(e.attr(dynamodb.path("f", "y"))), e.not_ { g = 1 }, "h.i < size(j)" } }
    assert.same({ a = true, b = true, c = true, d = true, e = true, f = true, g = true, h = true, j = true }, top)
  end)

  it("has the name in messages that its writer gives it", function()
    refuses("filter is empty", function() expression.new():condition({}, "filter") end)
    refuses("filter, position 1: the text is empty", function() expression.new():condition("", "filter") end)
  end)

  it("splits IN after 100 values", function()
    local values = {}
    for i = 1, 201 do values[i] = i end
    local _, text = condition { a = e.in_(values), b = 1 }
    local first, second, third = text:match "^%(#0 IN %((.-)%) OR #0 IN %((.-)%) OR #0 IN %((.-)%)%) AND #1 = :0$"
    local function count(list) return select(2, list:gsub(":%d+", "")) end
    assert.same({ 100, 100, 1 }, { count(first), count(second), count(third) })
    for i = 101, 201 do values[i] = nil end
    _, text = condition { a = e.in_(values) }
    assert.equal(1, select(2, text:gsub(" IN ", "")))
  end)

  it("gives the same bytes for the same table", function()
    local where, again = {}, {}
    for i = 1, 50 do where["n" .. i] = i end
    for i = 50, 1, -1 do again["n" .. i] = i end
    assert.equal(select(2, condition(where)), select(2, condition(again)))
  end)

  it("refuses what says nothing or the wrong thing", function()
    refuses("where is empty", condition, {})
    refuses("where is empty", condition, e.any { {} })
    refuses("where must be a table or a text", condition, 3)
    refuses("where, position 1: the text is empty", condition, "  ")
    refuses("a value cannot be a condition", condition, dynamodb.set { "a" })
    refuses("write { name = e.eq", condition, e.eq(3))
    refuses("write { name = e.exists", condition, e.exists)
    refuses("takes no other name", condition, { a = e.exists "b" })
    refuses("cannot be an operand", condition, { a = e.gt(e.gt(3)) })
    refuses("attribute's name cannot be empty", condition, { [""] = 1 })
    refuses("where: an attribute's name is a string or a dynamodb.path, not a boolean", condition, { [true] = 1 })
  end)
end)

describe("an operator", function()
  it("refuses a missing, superfluous or senseless operand", function()
    refuses("eq: value 1 is nil", e.eq)
    refuses("eq takes 1 value, not 2", e.eq, 1, 2)
    refuses("between: value 2 is nil", e.between, 1)
    refuses("in_ needs at least one value", e.in_, {})
    refuses("in_: value 2 is nil", e.in_, 1, nil)
    refuses("the values must be a list", e.in_, { a = 1 })
    refuses("any needs at least one condition", e.any)
    refuses("all needs at least one condition", e.all, {})
    refuses("any: condition 1 is nil", e.any, nil, { a = 1 })
    refuses("not_ needs a condition", e.not_)
    refuses("type: the type is one of", e.type, "string")
    refuses("attr: the attribute is a name", e.attr, 3)
  end)

  it("is refused when it is misspelt, with the likely one", function()
    refuses('unknown operator of dynamodb.expr "begin_with"; did you mean "begins_with"?',
      function() return e.begin_with "x" end)
    refuses('"beginswith"; did you mean "begins_with"?', function() return e.beginswith "x" end)
    refuses('"in"; did you mean "in_"?', function() return e["in"] { 1 } end)
    refuses('"like"; known are: all, any, attr, begins_with', function() return e.like "x" end)
    refuses('unknown operator of dynamodb.expr "1"', function() return e[1] end)
  end)

  it("is known by its metatable and reads as its name", function()
    assert.equal(core.operator_mt, getmetatable(e.eq(1)))
    assert.equal("dynamodb.expr.eq", tostring(e.eq(1)))
    refuses("is not a function", function() return e.eq(1) "x" end)
  end)
end)

describe("a path", function()
  it("reads as DynamoDB writes it", function()
    assert.equal("address.lines[0].text", tostring(dynamodb.path("address", "lines", 1, "text")))
  end)

  it("refuses what cannot be one", function()
    refuses("none of them nil", dynamodb.path)
    refuses("none of them nil", dynamodb.path, "a", nil)
    refuses("none of them nil: segment 2", dynamodb.path, "address", nil, "street")
    refuses("none of them nil: segment 1", dynamodb.path, nil, "a")
    refuses("begins with an attribute's name", dynamodb.path, 1)
    refuses("a position is a whole number from 1", dynamodb.path, "a", 0)
    refuses("a position is a whole number from 1", dynamodb.path, "a", 1.5)
    refuses("segment 2 must be a name or a position", dynamodb.path, "a", true)
  end)
end)

describe("an update as a table", function()
  it("has every action", function()
    assert.equal('SET a = 1, b = "x"', (update { set = { b = "x", a = 1 } }))
    assert.equal("SET a = if_not_exists(a, 1)", (update { default = { a = 1 } }))
    assert.equal("ADD n -1, t [\"x\"]", (update { add = { n = -1, t = dynamodb.set { "x" } } }))
    assert.equal("REMOVE a, b", (update { remove = { "b", "a" } }))
    assert.equal("REMOVE a", (update { remove = "a" }))
    assert.equal("DELETE t [\"x\"]", (update { delete = { t = dynamodb.set { "x" } } }))
    assert.equal("SET l = list_append(if_not_exists(l, []), [1])", (update { append = { l = { 1 } } }))
    assert.equal("SET l = list_append([1], if_not_exists(l, []))", (update { prepend = { l = { 1 } } }))
    assert.equal("SET a = b", (update { set = { a = e.attr "b" } }))
  end)

  it("joins them in one text, in a fixed order", function()
    assert.equal('SET s = "open", draft = if_not_exists(draft, 1), log = list_append(if_not_exists(log, []), ["x"])'
      .. " REMOVE old ADD visits 1",
      (update { add = { visits = 1 }, remove = { "old" }, append = { log = { "x" } }, default = { draft = 1 },
        set = { s = "open" } }))
  end)

  it("writes appended values as a list, also none", function()
    local _, _, _, params = update { append = { l = {} } }
    for _, value in pairs(params.ExpressionAttributeValues) do
      assert.equal("[]", core.json_encode(value))
    end
    local mine = { 1, 2 }
    update { append = { l = mine } }
    assert.is_nil(getmetatable(mine))
  end)

  it("takes whole names, and paths", function()
    local _, _, text, params = update { set = { ["a.b"] = 1, [dynamodb.path("a", "b", 1)] = 2 },
      remove = { dynamodb.path("m", "k") } }
    assert.equal("SET #0 = :0, #1.#2[0] = :1 REMOVE #3.#4", text)
    assert.same({ ["#0"] = "a.b", ["#1"] = "a", ["#2"] = "b", ["#3"] = "m", ["#4"] = "k" },
      params.ExpressionAttributeNames)
  end)

  it("refuses an empty change", function()
    refuses("changes are empty", update, {})
    refuses("changes are empty", update, { set = {}, remove = {} })
    refuses("changes, position 1: the text is empty", update, "")
  end)

  it("refuses an unknown action with the likely one", function()
    refuses('unknown action of an update "sett"; did you mean "set"?', update, { sett = { a = 1 } })
    refuses('unknown action of an update "status"; known are: add, append', update, { status = "open" })
  end)

  it("refuses overlapping paths", function()
    refuses('"a" overlaps with "a"', update, { set = { a = 1 }, remove = { "a" } })
    refuses('"a" overlaps with "a.b"', update, { set = { [dynamodb.path("a", "b")] = 1 }, remove = { "a" } })
    refuses('"a.b[0]" overlaps with "a"', update, { set = { a = 1 }, remove = { dynamodb.path("a", "b", 1) } })
    refuses('"n" overlaps with "n"', update, { set = { n = 1 }, add = { n = 1 } })
    assert.equal("SET a.b = 1 REMOVE a.c", (update { set = { [dynamodb.path("a", "b")] = 1 },
      remove = { dynamodb.path("a", "c") } }))
  end)

  it("refuses to change a part of the key", function()
    refuses('"pk" is part of the key', update, { set = { pk = 1 } }, { pk = "a" })
    refuses('"sk" is part of the key', update, { remove = { "sk" } }, { pk = "a", sk = false })
  end)

  it("refuses values that the action does not know", function()
    refuses("changes.add.n must be a number or a set", update, { add = { n = "1" } })
    refuses("changes.delete.n must be a set", update, { delete = { n = 1 } })
    refuses("changes.append.l must be a list", update, { append = { l = "x" } })
    refuses("changes.append.l must be a list", update, { append = { l = dynamodb.set { "x" } } })
    refuses("changes.append.l must be a list", update, { append = { l = { a = 1 } } })
    refuses("gt cannot be assigned", update, { set = { a = e.gt(1) } })
    refuses("changes.remove must be a list", update, { remove = { a = true } })
    refuses("changes.set must be a table", update, { set = "a" })
  end)

  it("knows whether it may be applied twice", function()
    local function safe(changes) return (select(2, update(changes))) end
    assert.is_true(safe { set = { a = 1, [dynamodb.path("l", 1, "a")] = 2 } })
    assert.is_true(safe { remove = { "a" }, default = { b = 1 } })
    assert.is_true(safe { add = { t = dynamodb.set { "x" } }, delete = { u = dynamodb.set { "x" } } })
    assert.is_false(safe { add = { n = 1 } })
    assert.is_false(safe { add = { n = dynamodb.number "12345678901234567890123" } })
    assert.is_false(safe { set = { a = 1 }, add = { n = 1 } })
    assert.is_false(safe { append = { l = { 1 } } })
    assert.is_false(safe { prepend = { l = { 1 } } })
    assert.is_false(safe { remove = { dynamodb.path("l", 1) } })
    assert.is_false(safe { set = { [dynamodb.path("l", 1)] = 1 } }, "beyond the end, SET appends")
    assert.is_false(safe { set = { a = e.attr "b", b = e.attr "a" } })
    assert.is_false((select(2, expression.new(nil, { a = 1 }):update("SET a = :a", {}))))
  end)
end)

describe("a projection", function()
  it("reads texts as document paths", function()
    assert.equal("id, address.city, tags[0], m[1][2].x", (projection { "id", "address.city", "tags[0]", "m[1][2].x" }))
  end)

  it("takes paths for names that have dots", function()
    local text, params = projection { dynamodb.path("a.b", 2), "c" }
    assert.equal("a.b[1], c", text)
    assert.same({ ["#0"] = "a.b", ["#1"] = "c" }, params.ExpressionAttributeNames)
  end)

  it("refuses what is no path, and what overlaps", function()
    for _, text in ipairs { "", ".a", "a.", "a..b", "a[", "a[x]", "a]", "a[-1]", "[0]", "a[0]b", "a[0].[1]" } do
      refuses("is not a document path", projection, { text })
    end
    refuses('"a.b" overlaps with "a"', projection, { "a", "a.b" })
    refuses("attributes is empty", projection, {})
    refuses("attributes must be a list of paths", projection, "a")
    refuses("attributes must be a list of paths, not a map", projection, { a = true })
    refuses("attributes[1] must be a path", projection, { 3 })
  end)
end)

describe("an expression over a quota", function()
  local function numbers(count)
    local list = {}
    for i = 1, count do list[i] = i end
    return list
  end

  -- `count` conditions on one attribute, none equal to another.
  local function inequalities(count)
    local list = {}
    for i = 1, count do list[i] = e.ne(i) end
    return { a = e.all(list) }
  end

  it("is refused beyond 4096 bytes, by its name", function()
    assert.truthy((condition { a = e.in_(numbers(600)) }))
    refuses("where has 4156 bytes as an expression, and DynamoDB takes 4096", condition, { a = e.in_(numbers(700)) })
    refuses("filter has 4156 bytes", function()
      expression.new():condition({ a = e.in_(numbers(700)) }, "filter")
    end)
    local names, set = {}, {}
    for i = 1, 900 do names[i], set["a" .. i] = "a" .. i, i end
    refuses("attributes has ", projection, names)
    refuses("changes has ", update, { set = set })
  end)

  it("is refused beyond 300 operators and functions", function()
    assert.truthy((condition(inequalities(150))))
    refuses("where has 301 operators and functions, and DynamoDB takes 300", condition, inequalities(151))
  end)

  it("may have as many assignments as fit: they are no operators", function()
    local set = {}
    for i = 1, 301 do set["a" .. i] = 0 end
    assert.truthy((update { set = set }))
  end)

  it("is the service's business without limits", function()
    local builder = expression.new(nil, nil, false)
    assert.is_true(#builder:condition { a = e.in_(numbers(700)) } > 4096)
    assert.truthy((builder:condition(inequalities(151))))
  end)
end)
