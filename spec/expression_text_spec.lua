local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local expression = require "dynamodb.expression"
local text = require "dynamodb.expression.text"
local fake_client = require "spec.support.fake_client"
local generate = require "spec.support.generate"

local e = dynamodb.expr
local SCALE = (tonumber(os.getenv "SCALE") or 1) * (os.getenv "FLAVOUR" == "asan" and 1 / 50 or 1)

-- What the expressions of one request become.
local function request(parts, names, values, limits)
  local builder, params = expression.new(names, values, limits), {}
  if parts.update then params.update = builder:update(parts.update, parts.key or {}) end
  if parts.where then params.where = builder:condition(parts.where) end
  if parts.filter then params.filter = builder:condition(parts.filter, "filter") end
  builder:finish(params)
  return params
end

local function where(condition, names, values) return request({ where = condition }, names, values) end
local function update(changes, names, values) return request({ update = changes }, names, values).update end

-- A text as it is sent, with the names that its aliases stand for.
local function spelled(written, params)
  return (written:gsub("#%d+", function(alias) return "<" .. params.ExpressionAttributeNames[alias] .. ">" end))
end

local function reads(expected, condition, names, values)
  local params = where(condition, names, values)
  assert.equal(expected, spelled(params.where, params))
end

local function refuses(message, f, ...)
  local raised = fake_client.message_of(f, ...)
  assert.matches(message, raised, 1, true)
  assert.matches("expression_text_spec.lua:", raised, 1, true)
end

describe("a text expression", function()
  it("has its bare names aliased, reserved or not, and its placeholders kept", function()
    assert.same({
      where = "#0 >= :min AND #s = :s AND #1 = :d",
      ExpressionAttributeNames = { ["#0"] = "total", ["#1"] = "date", ["#s"] = "status" },
      ExpressionAttributeValues = { [":s"] = "open", [":min"] = false, [":d"] = 3 },
    }, where("total >= :min and #s = :s AND date = :d", { s = "status" }, { [":s"] = "open", min = false, d = 3 }))
  end)

  it("has each name of a path aliased", function()
    reads("<a>.<b>[0][12].<c> = #x[1].<size>", "a.b[0] [12].c=#x[1].size", { x = "x.y" })
  end)

  it("keeps functions and keywords, in any case and anywhere between blanks", function()
    reads("begins_with(<name>, :p) AND NOT (size(<size>) BETWEEN :a AND :b OR <in> IN (:a, :b))",
      "begins_with (name,:p)\n\tand not( size( size )between :a and :b or in in(:a,:b) ) ", nil,
      { p = 1, a = 1, b = 1 })
  end)

  it("takes a word for a name wherever an operand has to stand", function()
    reads("<or> = :v OR <between> BETWEEN :v AND <and>", "or = :v or between between :v and and", nil, { v = 1 })
    assert.equal("SET #0 = :v, #1 = #0 REMOVE #2, #3 ADD #4.#1 :v DELETE #4.#0 :v",
      update("SET set = :v, add = set REMOVE delete, remove ADD in.add :v DELETE in.set :v", nil, { v = 1 }))
  end)

  it("leaves words that it does not know to the service", function()
    reads("<a> LIKE :v AND rhymes_with(<b>, :v)", "a LIKE :v AND rhymes_with(b, :v)", nil, { v = 1 })
  end)

  it("never meets the placeholders that are made", function()
    local params = where({ "#0 = :0 OR b = :0", a = 5 }, { ["0"] = "x" }, { ["0"] = "y" })
    assert.equal("#1 = :1 AND (#0 = :0 OR #2 = :0)", params.where)
    assert.same({ ["#0"] = "x", ["#1"] = "a", ["#2"] = "b" }, params.ExpressionAttributeNames)
    assert.same({ [":0"] = "y", [":1"] = 5 }, params.ExpressionAttributeValues)
  end)

  it("is not enclosed twice", function()
    reads("(<a> = <b>) AND attribute_exists(<c>)", { " (a = b) ", e.exists "c" })
    reads("((<a>) OR (<b>)) AND attribute_exists(<c>)", { "(a) OR (b)", e.exists "c" })
  end)

  it("means the same when its tokens are joined in any other way", function()
    local generator = generate.new(tonumber(os.getenv "SEED") or 20261122)
    local blanks = { " ", "  ", "\n", "\t", "\r\n " }
    local operands = { "a", "size", "AND", "#n", ":v", "a.b", "in[0].or", "#n.set[3]", "size(a)", "f(a, :v)" }
    local joints = { " = ", " <> ", " <= ", " AND ", " OR ", " BETWEEN :v AND ", " IN " }
    for _ = 1, 2000 * SCALE do
      local source = { generator:pick { "", "NOT " }, generator:pick(operands) }
      for _ = 1, generator:below(6) do
        source[#source + 1] = generator:pick(joints)
        source[#source + 1] = generator:pick(operands)
      end
      source = table.concat(source)
      local tokens, loose = assert(core.expression_tokens(source, "condition")), {}
      for i = 1, #tokens, 3 do
        loose[#loose + 1] = tokens[i] == "position" and "[" .. tokens[i + 1] .. "]" or tokens[i + 1]
        loose[#loose + 1] = generator:pick(blanks)
      end
      local one = expression.new({ n = "x" }, { v = 1 }):condition(source)
      local other = expression.new({ n = "x" }, { v = 1 }):condition(table.concat(loose))
      assert.equal(one, other, source)
    end
  end)

  it("refuses literals, with their position", function()
    refuses("where, position 9: a literal cannot stand in an expression: write :name and give it in values",
      where, "total > 100")
    refuses("where, position 10: a literal", where, "status = 'open'")
    refuses("where, position 10: a literal", where, "active = true")
    refuses("changes, position 13: a literal", update, "SET a = a + 1")
  end)

  it("refuses what cannot be a name, with what to do", function()
    refuses("where, position 5: a name in a text has only A-Z, a-z, 0-9 and _: write #name and give it in names",
      where, "stra\195\159e = :v")
    refuses("where, position 1: a name in a text cannot begin with a digit: write #name", where, "2fa = :v")
  end)

  it("refuses what does not balance, and what means nothing", function()
    refuses("where, position 10: a parenthesis is not closed", where, "a = b OR (c = d")
    refuses("where, position 6: a parenthesis is closed that was not opened", where, "a = b)")
    refuses("where, position 2: a bracket is not closed", where, "a[0")
    refuses("where, position 3: a character that means nothing here", where, "a ? b")
    refuses("where, position 1: the text is empty", where, "")
    refuses("changes, position 1: the text is empty", update, "  \n")
  end)

  it("refuses a function or a keyword that looks misspelt", function()
    refuses('where, position 1: unknown function "begin_with"; did you mean "begins_with"?', where, "begin_with(a, b)")
    refuses('where, position 5: unknown function "Attribute_Exists"; did you mean "attribute_exists"?', where,
      "NOT Attribute_Exists(a)")
    refuses('where, position 3: unknown keyword "BETWEN"; did you mean "BETWEEN"?', where, "a BETWEN b AND c")
    refuses('changes, position 1: unknown keyword "SETT"; did you mean "SET"?', update, "SETT a = b")
    refuses('changes, position 9: unknown function "listappend"; did you mean "list_append"?', update,
      "SET a = listappend(a, b)")
  end)

  it("refuses a placeholder that nobody gave, with the likely one", function()
    refuses("where, position 5: :min is not in values", where, "a > :min")
    refuses("where, position 5: :mim is not in values; did you mean :min?", where, "a > :mim", nil, { min = 1 })
    refuses("where, position 1: #min is not in names; did you mean :min?", where, "#min > :min", nil, { min = 1 })
    refuses("where, position 5: :0 is not in values", where, { a = 1, "b = :0" })
  end)

  it("refuses names and values that it does not use", function()
    refuses("no text expression uses values.max", where, "a > :min", nil, { min = 1, max = 2 })
    refuses("no text expression uses names.n, values.max", where, "a > :min", { ["#n"] = "n" },
      { min = 1, [":max"] = 2 })
    refuses("names and values belong to text expressions, and there is none", where, { a = 1 }, nil, { min = 3 })
  end)

  it("shares names and values with the other texts of the request", function()
    local params = request({ update = "SET a = :v", where = "#n = :w", filter = "b = :v AND #n = :w" }, { n = "c" },
      { v = 1, w = 2 })
    assert.same({ "SET #0 = :v", "#n = :w", "#1 = :v AND #n = :w" }, { params.update, params.where, params.filter })
  end)

  it("needs placeholders that can be ones", function()
    refuses("cannot be a placeholder", where, "a", { ["a.b"] = "x" })
    refuses("cannot be a placeholder", where, "a", nil, { "x" })
    refuses('names has "s" twice', where, "a", { s = "x", ["#s"] = "x" })
    refuses("names.s must be an attribute's name", where, "a", { s = 3 })
    refuses("values must be a table", where, "a", nil, "x")
  end)

  it("tells which attributes it mentions, by the first names of its paths", function()
    local _, top = expression.new({ p = "pk", n = "nested" }, { v = 1 }):condition(
      "attribute_exists(#p) AND a.b.#n = :v AND size(c[0].d) > a", "filter")
    assert.same({ pk = true, a = true, c = true }, top)
  end)

  it("bears any depth of parentheses", function()
    local depth = 1000
    refuses("where has", where, ("("):rep(depth * 10) .. "a" .. (")"):rep(depth * 10))
    assert.equal(depth, select(2, where(("("):rep(depth) .. "a" .. (")"):rep(depth)).where:gsub("%(", "")))
  end)

  it("is remembered, but not for ever", function()
    local first = text.tokens("a = b", "condition")
    assert.equal(first, text.tokens("a = b", "condition"))
    for i = 1, 500 do where("a" .. i .. " = :v", nil, { v = 1 }) end
    assert.not_equal(first, text.tokens("a = b", "condition"))
    reads("<a1> = :v", "a1 = :v", nil, { v = 1 })
  end)
end)

describe("a text expression over a quota", function()
  it("is refused beyond 4096 bytes as it is sent", function()
    local fits = ("v"):rep(4096 - #"#0 = :")
    assert.equal(4096, #where("a_name_that_is_aliased = :" .. fits, nil, { [fits] = 1 }).where)
    refuses("where has 4097 bytes as an expression, and DynamoDB takes 4096", where, "a = :v" .. fits, nil,
      { ["v" .. fits] = 1 })
  end)

  it("is refused beyond 300 operators and functions, with the position of the one too many", function()
    local fits = "SET a = b" .. (" + :v"):rep(300)
    assert.equal(300, select(2, update(fits, nil, { v = 1 }):gsub("%+", "")))
    refuses(("changes, position %d: it has 301 operators and functions, and DynamoDB takes 300"):format(#fits + 2),
      update, fits .. " + :v", nil, { v = 1 })
    refuses("position", where, "a = :v" .. (" OR a = :v"):rep(150), nil, { v = 1 })
    assert.truthy(where("a = :v" .. (" OR a = :v"):rep(149), nil, { v = 1 }))
  end)

  it("is the service's business without limits", function()
    local long = "a = :v" .. (" OR a = :v"):rep(500)
    assert.is_true(#request({ where = long }, nil, { v = 1 }, false).where > 4096)
  end)
end)

describe("an update as text", function()
  local function targets(source, names)
    local builder, paths = expression.new(names, { v = 1 }), {}
    builder:update(source, {})
    for i, segments in ipairs(text.targets(builder, source)) do
      paths[i] = tostring(dynamodb.path((table.unpack or unpack)(segments)))
    end
    return paths
  end

  it("tells which paths it changes", function()
    assert.same({ "a", "b.c[0]", "x.y", "l[1]", "m", "n", "s" }, targets(
      "SET a = if_not_exists(z, q), b.c[0] = a + d REMOVE #x, l[1], m ADD n :v DELETE s :v", { x = "x.y" }))
    assert.same({ "d", "a.b" }, targets("delete d :v set a.#b = list_append(list_append(f, g), h)", { b = "b" }))
  end)

  it("may have its clauses in any order, each of them once", function()
    assert.equal("REMOVE #0 SET #1 = #2", update("remove a set b = c"))
    refuses("changes, position 11: SET stands twice; an update has each clause once", update, "SET a = b set c = d")
    refuses("changes, position 23: REMOVE stands twice", update, "REMOVE a SET b = c    REMOVE d")
  end)

  it("does not change a part of the key", function()
    local function changing(source, names)
      return function() request({ update = source, key = { pk = "a", sk = false } }, names) end
    end
    refuses('changes, position 5: "pk" is part of the key and cannot be changed', changing "SET pk = a")
    refuses('changes, position 15: "sk" is part of the key and cannot be changed', changing "SET a = b ADD sk c")
    refuses('changes, position 8: "pk" is part of the key', changing("REMOVE #k", { k = "pk" }))
    refuses('changes, position 11: "pk" is part of the key', changing "REMOVE a, pk.b")
    assert.has_no_error(changing "SET a = pk, b.pk = sk")
  end)

  it("does not change one place twice", function()
    refuses('changes, position 12: "a" overlaps with "a"', update, "SET a = b, a = c")
    refuses('changes, position 18: "a.b" overlaps with "a"', update, "SET a = b REMOVE a.b")
    refuses('changes, position 19: "a" overlaps with "a.b[0]"', update, "REMOVE a.b[0] SET #a = c", { a = "a" })
    assert.equal("SET #0.#1 = #2, #0.#2 = #1, #3[0] = #2, #3[1] = #2",
      update("SET a.b = c, a.c = b, l[0] = c, l[1] = c"))
  end)

  it("is never safe to be repeated", function()
    assert.is_false((select(2, expression.new(nil, { v = 1 }):update("SET a = :v", {}))))
  end)
end)

describe("text.tokens", function()
  it("gives kind, text and position of each token", function()
    assert.same({ "name", "a", 1, "position", "0", 2, "operator", "=", 6, "value", ":v", 8, "keyword", "AND", 11,
      "function", "size", 15, "open", "(", 19, "alias", "#n", 20, "close", ")", 22 },
      text.tokens("a[0] = :v and size(#n)", "condition"))
  end)

  it("says what is wrong", function()
    local tokens, message = text.tokens("a = ;", "condition")
    assert.is_nil(tokens)
    assert.equal("position 5: a character that means nothing here", message)
  end)

  it("is the native one's, of each kind its own", function()
    assert.same(core.expression_tokens("SET a = b", "update"), text.tokens("SET a = b", "update"))
    assert.not_same(text.tokens("SET a = b", "condition"), text.tokens("SET a = b", "update"))
  end)
end)

describe("core.expression_operators", function()
  it("counts, and gives the position of the first one beyond the limit", function()
    assert.equal(3, (core.expression_operators("a = b AND c = d", "condition", 3)))
    assert.same({ 3, 11 + 2 }, { core.expression_operators("a = b AND c = d", "condition", 2) })
    assert.same({ 1, 1 }, { core.expression_operators("size(a)", "condition", 0) })
  end)

  it("knows its arguments", function()
    assert.same({ nil, "position 1: the text is empty" }, { core.expression_operators("", "update", 1) })
    assert.is_false((pcall(core.expression_operators, "a", "filter", 1)))
    assert.is_false((pcall(core.expression_tokens, "a")))
  end)
end)

describe("a text in a table's method", function()
  local ANSWERS = { { body = "{}" }, { body = "{}" } }

  local function new_table(options)
    local db, runtime = fake_client.new(ANSWERS, options)
    return db:table("users", { partition = "pk" }), runtime, db
  end

  local function refused(message, f, ...)
    local users, runtime, db = new_table()
    refuses(message, f, users, db, ...)
    assert.equal(0, #runtime.requests)
  end

  it("is checked before any request", function()
    refused("where, position 5: :v is not in values", function(users)
      users:put({ pk = "a" }, { where = "n = :v" })
    end)
    refused("no text expression uses values.w", function(users)
      users:delete({ pk = "a" }, { where = "n = :v", values = { v = 1, w = 2 } })
    end)
    refused('changes, position 5: "pk" is part of the key', function(users)
      users:update({ pk = "a" }, "SET pk = :v", { values = { v = 1 } })
    end)
    refused("attributes has", function(users)
      local names = {}
      for i = 1, 1000 do names[i] = "n" .. i end
      users:get({ pk = "a" }, { attributes = names })
    end)
  end)

  it("is checked in a transaction as well", function()
    refused("where, position 5: :v is not in values", function(users, db)
      db:transact(function(tx) tx:put(users, { pk = "a" }, { where = "n = :v" }) end)
    end)
    refused("where, position 5: a literal", function(users, db)
      db:transact(function(tx) tx:check(users, { pk = "a" }, "n = 5") end)
    end)
    refused('changes, position 11: "a.b" overlaps with "a"', function(users, db)
      db:transact(function(tx) tx:update(users, { pk = "a" }, "ADD a :v, a.b :v", { values = { v = 1 } }) end)
    end)
  end)

  it("has its quotas left to the service with limits = false", function()
    local long = "a = :v" .. (" OR a = :v"):rep(500)
    local users, runtime = new_table { limits = false }
    assert(users:put({ pk = "a" }, { where = long, values = { v = 1 } }))
    assert(users:update({ pk = "a" }, "SET b = b" .. (" + :v"):rep(400), { values = { v = 1 } }))
    assert.equal(2, #runtime.requests)
  end)
end)
