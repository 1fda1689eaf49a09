-- What is read off a PartiQL statement without parsing it.
local core = require "dynamodb.core"
local dynamodb = require "dynamodb"
local fake_client = require "spec.support.fake_client"
local statement = require "dynamodb.partiql.statement"

local CLIENT = { limits = true } -- as much of one as is looked at

describe("the kind of a statement", function()
  it("is read for a SELECT, whatever stands before it", function()
    for _, text in ipairs {
      "SELECT * FROM t", "select * from t", "\n\tSelect*FROM t", "(SELECT * FROM t)", "( (select a FROM t))",
      "-- all\nSELECT * FROM t", "/* DELETE */ SELECT * FROM t", "--\n--DELETE FROM t\n/**/(SELECT a FROM t)",
    } do
      assert.equal("read", statement.kind(text), text)
    end
  end)

  it("is check for EXISTS", function()
    assert.equal("check", statement.kind "EXISTS(SELECT * FROM t WHERE a = 1)")
  end)

  it("is write for all others, also where SELECT is hidden, quoted or another word", function()
    for _, text in ipairs {
      "UPDATE t SET a = 1", "INSERT INTO t VALUE {}", "DELETE FROM t", "selection", "SELECT_ALL", "SELECTED * FROM t",
      "-- SELECT", "-- SELECT\nDELETE FROM t", "/* SELECT */ DELETE FROM t", "/* SELECT", "'SELECT' x", '"SELECT" x',
      "'SELECT * FROM t", "; SELECT * FROM t", "-SELECT", "", "(", "EXPLAIN SELECT * FROM t",
    } do
      assert.equal("write", statement.kind(text), text)
    end
  end)
end)

describe("a statement", function()
  local function refused(message, ...)
    assert.matches(message, fake_client.message_of(statement.new, ...), 1, true)
  end

  it("takes one parameter for each ? that is not quoted", function()
    local made = statement.new([[SELECT "a?" FROM t WHERE b = ? AND c = 'it''s?' -- ?
      AND d = ? /* ? */ AND e = `?`]], { 1, false }, CLIENT)
    assert.same({ 1, false }, made.parameters)
  end)

  it("without parameters has none", function()
    assert.is_nil(statement.new("SELECT * FROM t", nil, CLIENT).parameters)
    assert.is_nil(statement.new("SELECT * FROM t", {}, CLIENT).parameters)
  end)

  it("refuses too few and too many parameters", function()
    refused("the statement has 2 ? for parameters, and 1 are given", "SELECT * FROM t WHERE a=? AND b=?", { 1 }, CLIENT)
    refused("the statement has 0 ? for parameters, and 1 are given", "SELECT * FROM t WHERE a = '?'", { 1 }, CLIENT)
    refused("the statement has 1 ? for parameters, and 0 are given", "SELECT * FROM t WHERE a = ?", nil, CLIENT)
  end)

  it("refuses holes by their index, and maps", function()
    refused("parameters[2] is nil; NULL is dynamodb.null", "? ? ?", { 1, nil, 3 }, CLIENT)
    refused("parameters must be a list", "?", { a = 1 }, CLIENT)
    refused("parameters must be a list", "?", { [1.5] = 1 }, CLIENT)
    refused("parameters must be a table, not a string", "?", "a", CLIENT)
  end)

  it("refuses parameters that cannot be stored, also where items do without them", function()
    refused("parameters[2].a[1]: a function cannot be stored", "? ?", { 1, { a = { print } } }, CLIENT)
    local lax = { limits = true, values = core.options { unsupported = "skip", empty_sets = "omit" } }
    refused("parameters[1]: a function cannot be stored", "? ?", { print, 1 }, lax)
    refused("statement 2: parameters[1]: a set cannot be empty", "?", { dynamodb.set {} }, lax, "statement 2: ")
  end)

  it("has parameters of its own, whatever becomes of those that were given", function()
    local given = { { a = { 1 } } }
    local made = statement.new("?", given, CLIENT)
    given[1].a[1] = 2
    assert.same({ { a = { 1 } } }, made.parameters)
  end)

  it("refuses texts that are none, empty or longer than 8,192 characters", function()
    refused("the statement must be a string, not nil", nil, nil, CLIENT)
    refused("the statement is empty", " \n", nil, CLIENT)
    local longest = "SELECT " .. ("é"):rep(8185)
    assert.equal(longest, statement.new(longest, nil, CLIENT).text)
    refused("the statement has 8193 characters; it may have 8192", longest .. "x", nil, CLIENT)
    assert.equal(longest .. "x", statement.new(longest .. "x", nil, { limits = false }).text)
  end)

  it("tells whether a write returns something", function()
    assert.is_true(statement.new("UPDATE t SET a = 1 WHERE b = 1 returning ALL NEW *", nil, CLIENT).returning)
    assert.is_false(statement.new("UPDATE t SET a = 'RETURNING' WHERE b = 1 -- RETURNING", nil, CLIENT).returning)
    assert.is_false(statement.new('UPDATE t SET "RETURNING" = 1', nil, CLIENT).returning)
  end)

  it("is filled for people", function()
    assert.equal("a = 1 AND b = '?' AND c = ?", statement.fill("a = ? AND b = '?' AND c = ?", function(number)
      return number == 1 and "1" or nil
    end))
  end)
end)
