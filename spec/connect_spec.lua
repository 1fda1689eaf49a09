-- What connect takes, from its options and from the environment.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"
local fake_client = require "spec.support.fake_client"

local client, header, message_of = fake_client.new, fake_client.header, fake_client.message_of

describe("connect", function()
  local function refused(options)
    return message_of(function() dynamodb.connect(options) end)
  end

  it("does no I/O: neither runtime nor credentials are asked", function()
    local db = dynamodb.connect {
      region = "eu-west-1",
      runtime = setmetatable({}, { __index = function(_, name) error("runtime." .. name) end }),
      credentials = function() error "asked" end,
    }
    db:table("t", { partition = "pk" })
    assert.equal("dynamodb.Client(eu-west-1)", tostring(db))
    assert.equal("dynamodb.Table(t)", tostring(db:table "t"))
  end)

  it("refuses an unknown option and names the likely one", function()
    assert.matches('unknown option of connect "regin"; did you mean "region"?', refused { regin = "x" }, 1, true)
    assert.matches('unknown option of connect "maxTries"; known are: access_key_id', refused { maxTries = 3 }, 1, true)
    assert.matches("connect_spec.lua:", refused { regin = "x" }, 1, true)
  end)

  it("refuses an impossible value and names the option", function()
    local with = function(name, value) return refused { region = "r", [name] = value } end
    assert.matches("region must be a string, not a number", refused { region = 3 }, 1, true)
    assert.matches("region is empty", refused { region = "" }, 1, true)
    assert.matches("timeout must be a positive number of seconds, or false", with("timeout", -1), 1, true)
    assert.matches("connect_timeout must be a positive number", with("connect_timeout", false), 1, true)
    assert.matches('capacity must be "none" or "total" or "indexes"', with("capacity", "all"), 1, true)
    assert.matches('numbers must be "lossless" or "native"', with("numbers", "float"), 1, true)
    assert.matches("verify must be a boolean", with("verify", "no"), 1, true)
    assert.matches("credentials must be a table or a function", with("credentials", "AK"), 1, true)
    assert.matches("app_id must be a short text", with("app_id", "a\r\nX: y"), 1, true)
    assert.matches("max_response must be a positive number of bytes", with("max_response", 0), 1, true)
    assert.matches("endpoint must begin with http", with("endpoint", "localhost:8000"), 1, true)
    assert.matches("secret_access_key is missing", with("access_key_id", "AK"), 1, true)
    assert.matches("give either credentials or access_key_id",
      refused { access_key_id = "AK", credentials = {} }, 1, true)
    local message = refused { access_key_id = "AKIDSECRET\n", secret_access_key = "hunter22" }
    assert.is_nil(message:find("AKIDSECRET", 1, true) or message:find("hunter22", 1, true))
  end)

  it("passes the value options to the core", function()
    local db, runtime = client({ { body = '{"Item":{"n":{"N":"1"}}}' }, {} },
      { numbers = "string", empty_strings = "null" })
    assert.equal("1", assert(db:call("GetItem", { TableName = "t", Key = { pk = "a" } })).Item.n)
    assert(db:call("PutItem", { TableName = "t", Item = { pk = "a", e = "" } }))
    assert.same({ NULL = true }, core.json_decode(runtime.requests[2].body).Item.e)
  end)
end)

describe("the environment", function()
  local getenv, variables = os.getenv, nil

  before_each(function()
    variables = {}
    os.getenv = function(name) return variables[name] end -- luacheck: ignore 122
  end)

  after_each(function()
    os.getenv = getenv -- luacheck: ignore 122
  end)

  it("gives region, endpoint and credentials, as they are at connect", function()
    variables.AWS_REGION, variables.AWS_ENDPOINT_URL_DYNAMODB = "eu-north-1", "http://127.0.0.1:9000"
    variables.AWS_ACCESS_KEY_ID, variables.AWS_SECRET_ACCESS_KEY = "AKENV", "SKENV"
    local runtime = fake.new { answers = { {} } }
    local db = dynamodb.connect { runtime = runtime }
    variables.AWS_REGION, variables.AWS_ACCESS_KEY_ID = "changed", "changed"
    assert(db:call("ListTables"))
    assert.equal(9000, runtime.requests[1].port)
    assert.matches("Credential=AKENV/%d+/eu%-north%-1/", header(runtime.requests[1], "authorization"))
  end)

  it("without credentials: the error says which places were searched, and nothing is sent", function()
    local runtime = fake.new {}
    local answer, err = dynamodb.connect({ region = "eu-west-1", runtime = runtime }):call("ListTables")
    assert.is_nil(answer)
    assert.equal("CredentialsError", err.code)
    assert.matches("AWS_ACCESS_KEY_ID", err.message, 1, true)
    assert.same({ "ListTables", false, 0 }, { err.operation, err.sent, #runtime.requests })
  end)

  it("without a region: the error says how to give one", function()
    local db = dynamodb.connect { access_key_id = "a", secret_access_key = "b", runtime = fake.new {} }
    local answer, err = db:call("ListTables")
    assert.is_nil(answer)
    assert.equal("ConfigurationError", err.code)
    assert.matches("AWS_REGION", err.message, 1, true)
    assert.equal("dynamodb.Client(no region)", tostring(db))
  end)

  it("with a broken endpoint: the error names the variable", function()
    variables.AWS_ENDPOINT_URL = "127.0.0.1:8000"
    local db = dynamodb.connect { region = "r", access_key_id = "a", secret_access_key = "b", runtime = fake.new {} }
    local answer, err = db:call("ListTables")
    assert.is_nil(answer)
    assert.equal("ConfigurationError", err.code)
    assert.matches("AWS_ENDPOINT_URL", err.message, 1, true)
  end)
end)
