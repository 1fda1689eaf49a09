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
    for _, seconds in ipairs { false, 0, 0.0001, 1e9, math.huge, 0 / 0, "3" } do
      for _, name in ipairs { "connect_timeout", "idle_timeout" } do
        assert.matches(name .. " must be a number of seconds from 0.001 to 86400", with(name, seconds), 1, true)
      end
    end
    assert.matches('capacity must be "none" or "total" or "indexes"', with("capacity", "all"), 1, true)
    assert.matches('numbers must be "lossless" or "native"', with("numbers", "float"), 1, true)
    assert.matches("verify must be a boolean", with("verify", "no"), 1, true)
    assert.matches("credentials must be a table or a function", with("credentials", "AK"), 1, true)
    assert.matches("app_id must be a short text", with("app_id", "a\r\nX: y"), 1, true)
    for _, bytes in ipairs { 0, 10, 1024.5, 2 ^ 60, math.huge } do
      assert.matches("max_response must be a number of bytes from 1024 to 1e12", with("max_response", bytes), 1, true)
    end
    assert.matches("endpoint must begin with http", with("endpoint", "localhost:8000"), 1, true)
    assert.matches("secret_access_key is missing", with("access_key_id", "AK"), 1, true)
    assert.matches("give either credentials or access_key_id",
      refused { access_key_id = "AK", credentials = {} }, 1, true)
    local message = refused { access_key_id = "AKIDSECRET\n", secret_access_key = "hunter22" }
    assert.is_nil(message:find("AKIDSECRET", 1, true) or message:find("hunter22", 1, true))
  end)

  it("takes what its transport takes", function()
    for _, options in ipairs {
      { connect_timeout = 0.001, idle_timeout = 86400, max_response = 1024 },
      { connect_timeout = 86400, idle_timeout = 0.001, max_response = 1e12 },
      { timeout = math.huge },
    } do
      options.region = "local"
      local db = dynamodb.connect(options)
      assert.is_number(db:now())
      db:close()
    end
  end)

  it("refuses credentials that no header can carry, and names that are none, without showing a value", function()
    local function with(name, value)
      local given = { access_key_id = "AK", secret_access_key = "SK" }
      given[name] = value
      local message = refused { region = "r", credentials = given }
      assert.matches("connect_spec.lua:", message, 1, true)
      assert.is_nil(message:find("hunter22", 1, true))
      return message
    end
    for _, name in ipairs { "access_key_id", "secret_access_key", "session_token", "account_id" } do
      assert.matches(name .. " has a blank", with(name, " hunter22"), 1, true)
      assert.matches(name .. " has a blank", with(name, "hunter22 "), 1, true)
      assert.matches(name .. " has a line break or another control character", with(name, "hunter22\n"), 1, true)
      assert.matches(name .. " has a line break or another control character", with(name, "a\0hunter22"), 1, true)
      assert.matches(name .. " must be a string", with(name, 3), 1, true)
    end
    assert.matches('unknown member of credentials "sesion_token"; did you mean "session_token"?',
      with("sesion_token", "hunter22"), 1, true)
    local db = dynamodb.connect { region = "r", runtime = fake.new(), credentials = function()
      return { access_key_id = "AK", secret_access_key = "SK", sesion_token = "T" }
    end }
    local _, err = db:call("ListTables")
    assert.equal("CredentialsError", err.code)
    assert.matches('unknown member of credentials "sesion_token"', err.message, 1, true)
  end)

  it("takes credentials that the signer takes, at their edges", function()
    local secret = "a b\200 \255c"
    local db = client({ {} }, { access_key_id = "A K", secret_access_key = secret, session_token = "\233" })
    assert(db:call("ListTables"))
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
    variables.AWS_EC2_METADATA_DISABLED = "true"
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
