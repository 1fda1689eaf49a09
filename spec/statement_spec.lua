-- What is read off a PartiQL statement without parsing it.
local fake_client = require "spec.support.fake_client"
local statement = require "dynamodb.partiql.statement"

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
      AND d = ? /* ? */ AND e = `?`]], { 1, false }, true)
    assert.same({ 1, false }, made.parameters)
  end)

  it("without parameters has none", function()
    assert.is_nil(statement.new("SELECT * FROM t", nil, true).parameters)
    assert.is_nil(statement.new("SELECT * FROM t", {}, true).parameters)
  end)

  it("refuses too few and too many parameters", function()
    refused("the statement has 2 ? for parameters, and 1 are given", "SELECT * FROM t WHERE a = ? AND b = ?", { 1 }, true)
    refused("the statement has 0 ? for parameters, and 1 are given", "SELECT * FROM t WHERE a = '?'", { 1 }, true)
    refused("the statement has 1 ? for parameters, and 0 are given", "SELECT * FROM t WHERE a = ?", nil, true)
  end)

  it("refuses holes by their index, and maps", function()
    refused("parameters[2] is nil; NULL is dynamodb.null", "? ? ?", { 1, nil, 3 }, true)
    refused("parameters must be a list", "?", { a = 1 }, true)
    refused("parameters must be a list", "?", { [1.5] = 1 }, true)
    refused("parameters must be a table, not a string", "?", "a", true)
  end)

  it("refuses texts that are none, empty or longer than 8,192 characters", function()
    refused("the statement must be a string, not nil", nil, nil, true)
    refused("the statement is empty", " \n", nil, true)
    local longest = "SELECT " .. ("é"):rep(8185)
    assert.equal(longest, statement.new(longest, nil, true).text)
    refused("the statement has 8193 characters; it may have 8192", longest .. "x", nil, true)
    assert.equal(longest .. "x", statement.new(longest .. "x", nil, false).text)
  end)

  it("tells whether a write returns something", function()
    assert.is_true(statement.new("UPDATE t SET a = 1 WHERE b = 1 returning ALL NEW *", nil, true).returning)
    assert.is_false(statement.new("UPDATE t SET a = 'RETURNING' WHERE b = 1 -- RETURNING", nil, true).returning)
    assert.is_false(statement.new('UPDATE t SET "RETURNING" = 1', nil, true).returning)
  end)

  it("is filled for people", function()
    assert.equal("a = 1 AND b = '?' AND c = ?", statement.fill("a = ? AND b = '?' AND c = ?", function(number)
      return number == 1 and "1" or nil
    end))
  end)
end)
