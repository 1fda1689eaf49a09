local usage = require "dynamodb.usage"

describe("dynamodb.usage", function()
  local function line_of(f)
    return debug.getinfo(f, "S").linedefined
  end

  it("positions a message at the caller's line", function()
    local function caller()
      usage.raise("wrong")
    end
    local ok, message = pcall(caller)
    assert.is_false(ok)
    assert.matches("usage_spec%.lua:" .. line_of(caller) + 1 .. ": wrong$", message)
  end)

  it("skips the library's own files", function()
    local source = debug.getinfo(usage.raise, "S").source
    local neighbour = source:gsub("usage%.lua$", "table.lua")
    local load_text = loadstring or load
    local text = "local usage = ... ; return function() local x = usage.raise('wrong') return x end"
    local inner = load_text(text, neighbour)
    local raise_inside = inner(usage)
    local function caller()
      local x = raise_inside()
      return x
    end
    local _, message = pcall(caller)
    assert.matches("usage_spec%.lua:" .. line_of(caller) + 1 .. ": wrong$", message)
  end)

  it("takes a module with a similar name for the caller's", function()
    local source = debug.getinfo(usage.raise, "S").source
    local foreign = source:gsub("dynamodb[/\\]usage%.lua$", "dynamodb_app.lua")
    local load_text = loadstring or load
    local caller = load_text("local usage = ...\nlocal x = usage.raise('wrong')", foreign)
    local _, message = pcall(caller, usage)
    assert.matches("dynamodb_app%.lua:2: wrong$", message)
  end)

  it("gives no position when nobody but the library is on the stack", function()
    local db = require("dynamodb").connect { region = "r", runtime = {} }
    local ok, message = pcall(coroutine.wrap(db.call), db, 5)
    assert.is_false(ok)
    assert.equal("operation must be a string, not a number", message)
  end)

  it("names an argument of the wrong type", function()
    assert.has_error(function() usage.check_type(3, "table", "key") end)
    local _, message = pcall(usage.check_type, 3, "table", "key")
    assert.matches("key must be a table, not a number", message, 1, true)
    _, message = pcall(usage.check_type, nil, "table", "key")
    assert.matches("key must be a table, not nil", message, 1, true)
    assert.has_no_error(function() usage.check_type({}, "table", "key") end)
  end)

  it("finds the name that was meant, one edit or a case slip away", function()
    local known = { ConditionExpression = 1, timeout = 1, where = 1 }
    assert.equal("ConditionExpression", usage.nearest("ConditonExpression", known))
    assert.equal("ConditionExpression", usage.nearest("conditionexpression", known))
    assert.equal("timeout", usage.nearest("timeuot", known))
    assert.equal("timeout", usage.nearest("timeouts", known))
    assert.equal("where", usage.nearest("whexe", known))
    assert.is_nil(usage.nearest("whenever", known))
    assert.is_nil(usage.nearest("time", known))
  end)

  it("refuses an unknown name with the likely one, else with all", function()
    local _, message = pcall(usage.check_names, { wher = 1 }, { where = 1, values = 1 }, "option of get")
    assert.matches('unknown option of get "wher"; did you mean "where"?', message, 1, true)
    _, message = pcall(usage.check_names, { zzz = 1 }, { where = 1, values = 1 }, "option of get")
    assert.matches('unknown option of get "zzz"; known are: values, where', message, 1, true)
    _, message = pcall(usage.check_names, { 1 }, { where = 1 }, "option of get")
    assert.matches("names are strings, not number", message, 1, true)
  end)
end)
