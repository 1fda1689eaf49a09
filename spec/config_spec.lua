local config = require "dynamodb.config"
local callback = require "dynamodb.credentials.callback"
local chain = require "dynamodb.credentials.chain"
local environment = require "dynamodb.credentials.environment"
local static = require "dynamodb.credentials.static"

local function snapshot(variables)
  return config.snapshot(function(name) return variables[name] end)
end

describe("dynamodb.config", function()
  it("takes the environment once, empty variables as unset", function()
    local variables = { AWS_REGION = "eu-west-1", AWS_ENDPOINT_URL = "", PATH = "/bin" }
    local taken = snapshot(variables)
    variables.AWS_REGION = "changed"
    assert.same({ AWS_REGION = "eu-west-1" }, taken)
  end)

  it("prefers the option, then AWS_REGION, then AWS_DEFAULT_REGION", function()
    local variables = { AWS_REGION = "b", AWS_DEFAULT_REGION = "c" }
    assert.same({ value = "a", source = "the option region" }, config.region({ region = "a" }, snapshot(variables)))
    assert.same({ value = "b", source = "AWS_REGION" }, config.region({}, snapshot(variables)))
    variables.AWS_REGION = nil
    assert.same({ value = "c", source = "AWS_DEFAULT_REGION" }, config.region({}, snapshot(variables)))
    assert.is_nil(config.region({}, snapshot {}))
  end)

  it("prefers the option's endpoint, then the service's variable, then the general one", function()
    local variables = {
      AWS_ENDPOINT_URL = "all", AWS_ENDPOINT_URL_DYNAMODB = "d", AWS_ENDPOINT_URL_DYNAMODB_STREAMS = "s",
    }
    local taken = snapshot(variables)
    assert.equal("o", config.endpoint({ endpoint = "o" }, taken, "dynamodb").value)
    assert.equal("d", config.endpoint({}, taken, "dynamodb").value)
    assert.equal("s", config.endpoint({}, taken, "dynamodbstreams").value)
    variables.AWS_ENDPOINT_URL_DYNAMODB = nil
    assert.same({ value = "all", source = "AWS_ENDPOINT_URL" }, config.endpoint({}, snapshot(variables), "dynamodb"))
    variables.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS = "True"
    assert.is_nil(config.endpoint({}, snapshot(variables), "dynamodb"))
    assert.equal("o", config.endpoint({ endpoint = "o" }, snapshot(variables), "dynamodb").value)
  end)

  it("waits less for a connection in Lambda", function()
    assert.equal(3.1, config.connect_timeout({}, {}))
    assert.equal(1.1, config.connect_timeout({}, { AWS_LAMBDA_FUNCTION_NAME = "f" }))
    assert.equal(9, config.connect_timeout({ connect_timeout = 9 }, { AWS_LAMBDA_FUNCTION_NAME = "f" }))
  end)
end)

describe("credentials", function()
  it("from the environment, the token under its old name too", function()
    local provider = environment.new {
      AWS_ACCESS_KEY_ID = "AK", AWS_SECRET_ACCESS_KEY = "SK", AWS_SECURITY_TOKEN = "T",
    }
    local found = assert(provider:get())
    assert.same({ "AK", "SK", "T" }, { found.access_key_id, found.secret_access_key, found.session_token })
    assert.equal(found, provider:get())
  end)

  it("that are half in the environment are an error, not a miss", function()
    local found, err = environment.new({ AWS_ACCESS_KEY_ID = "AKIDEXAMPLE" }):get()
    assert.is_nil(found)
    assert.is_true(err:is "CredentialsError")
    assert.matches("secret_access_key is missing", err.message, 1, true)
    assert.is_nil(tostring(err):find("AKIDEXAMPLE", 1, true))
    found, err = chain.new({ AWS_SECRET_ACCESS_KEY = "x" }):get()
    assert.is_nil(found)
    assert.matches("access_key_id is missing", err.message, 1, true)
  end)

  it("that are nowhere: the error names the places searched", function()
    local found, err = chain.new({}):get()
    assert.is_nil(found)
    assert.equal("CredentialsError", err.code)
    assert.matches("the options of connect", err.message, 1, true)
    assert.matches("AWS_ACCESS_KEY_ID", err.message, 1, true)
  end)

  it("that are given are copied and checked", function()
    local given = { access_key_id = "AK", secret_access_key = "SK", session_token = "" }
    local provider = static.new(given)
    given.secret_access_key = "changed"
    assert.equal("SK", provider:get().secret_access_key)
    assert.is_nil(provider:get().session_token)
    assert.is_nil(static.problem { access_key_id = "AK", secret_access_key = "SK" })
    assert.equal("secret_access_key is missing", static.problem { access_key_id = "AK" })
    assert.equal("session_token must be a string, not a number",
      static.problem { access_key_id = "AK", secret_access_key = "SK", session_token = 5 })
    local problem = static.problem { access_key_id = "AK\r\nX: y", secret_access_key = "SK" }
    assert.equal("access_key_id has a line break or another control character", problem)
  end)

  it("from a function are asked for every time, with the runtime and the deadline", function()
    local calls, seen = 0, nil
    local provider = callback.new(function(runtime, deadline)
      calls = calls + 1
      seen = { runtime, deadline }
      return { access_key_id = "AK" .. calls, secret_access_key = "SK" }
    end)
    assert.equal("AK1", provider:get("runtime", 5).access_key_id)
    assert.equal("AK2", provider:get("runtime", 5).access_key_id)
    assert.same({ "runtime", 5 }, seen)
  end)

  it("from a function that has none, or junk, are a CredentialsError", function()
    local _, err = callback.new(function() return nil, "vault is sealed" end):get()
    assert.is_true(err:is "CredentialsError")
    assert.matches("gave none: vault is sealed", err.message, 1, true)
    _, err = callback.new(function() return { access_key_id = "AK" } end):get()
    assert.matches("gave unusable ones: secret_access_key is missing", err.message, 1, true)
    _, err = callback.new(function() return { access_key_id = "AK", secret_access_key = "SK " } end):get()
    assert.equal("CredentialsError", err.code)
    assert.matches("secret_access_key has a blank", err.message, 1, true)
    _, err = callback.new(function() return "AK:SK" end):get()
    assert.matches("credentials must be a table", err.message, 1, true)
  end)
end)
