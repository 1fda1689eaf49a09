-- `aws login`: its file, and the proof with which another token is asked for. Files and keys are real ones.
local core = require "dynamodb.core"
local credentials = require "spec.support.credentials"
local dynamodb = require "dynamodb"
local fake = require "dynamodb.runtime.fake"
local process = require "spec.support.process"

local NOW = 1700000000 -- 2023-11-14T22:13:20Z
local SESSION = "arn:aws:sts::123456789012:assumed-role/Admin/me"
local SIGNIN = "https://eu-west-1.signin.aws.amazon.com/v1/token"
local FRESH = { body = '{"accessToken":{"accessKeyId":"AKNEW","secretAccessKey":"NEWSECRET","sessionToken":"NEWTOKEN"},'
  .. '"expiresIn":900,"refreshToken":"next-refresh"}' }

local function unbase64url(text)
  return core.unbase64((text:gsub("-", "+"):gsub("_", "/")) .. ("="):rep(-#text % 4))
end

-- The DER form of a signature, as openssl wants it.
local function der(raw)
  local function integer(bytes)
    bytes = bytes:gsub("^%z+", "")
    if bytes:byte() >= 128 then bytes = "\0" .. bytes end
    return "\2" .. string.char(#bytes) .. bytes
  end
  local both = integer(raw:sub(1, 32)) .. integer(raw:sub(33))
  return "\48" .. string.char(#both) .. both
end

describe("aws login", function()
  local directory, key, getenv
  local cache

  local function write(path, text)
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
  end

  setup(function()
    directory = process.temporary_directory()
    process.run { "openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", directory .. "/key.pem" }
    process.run { "openssl", "ec", "-in", directory .. "/key.pem", "-pubout", "-out", directory .. "/public.pem" }
    key = process.read(directory .. "/key.pem")
    write(directory .. "/config", "[default]\nlogin_session = " .. SESSION .. "\n")
    cache = directory .. "/" .. core.sha256(SESSION) .. ".json"
  end)

  before_each(function()
    getenv = os.getenv
    local variables = { AWS_CONFIG_FILE = directory .. "/config", AWS_LOGIN_CACHE_DIRECTORY = directory }
    os.getenv = function(name) return variables[name] end -- luacheck: ignore 122
  end)

  after_each(function() os.getenv = getenv end) -- luacheck: ignore 122

  local function find(expires, answers, more)
    local fields = {
      accessToken = { accessKeyId = "AK", secretAccessKey = "OLDSECRET", sessionToken = "OLDTOKEN",
        accountId = "123456789012", expiresAt = expires },
      clientId = "arn:aws:signin:::devtools/same-device", refreshToken = "old-refresh", dpopKey = key, idToken = "id",
    }
    for name, value in pairs(more or {}) do fields[name] = value or nil end
    write(cache, core.json_encode(fields))
    local runtime = fake.new { time = NOW, answers = answers }
    local db = dynamodb.connect { region = "eu-west-1", runtime = runtime }
    db:runtime()
    local found, err = db.provider:get(runtime)
    return found, err, runtime
  end

  it("gives what its file holds for as long as that lives more than five minutes", function()
    local found, _, runtime = find("2023-11-14T22:18:21Z", {})
    assert.same({ "AK", "OLDSECRET", "OLDTOKEN", "123456789012", 1700000301 }, { found.access_key_id,
      found.secret_access_key, found.session_token, found.account_id, found.expires })
    assert.equal(0, #runtime.requests)
    assert.equal('profile "default" (aws login)', found.source)
  end)

  it("asks for others then, and leaves them in the file", function()
    local found, _, runtime = find("2023-11-14T22:18:20Z", { FRESH })
    assert.same({ "AKNEW", "NEWSECRET", "NEWTOKEN", "123456789012", NOW + 900 }, { found.access_key_id,
      found.secret_access_key, found.session_token, found.account_id, found.expires })
    assert.same({ "POST " .. SIGNIN }, credentials.asked(runtime))
    assert.same({ clientId = "arn:aws:signin:::devtools/same-device", refreshToken = "old-refresh",
      grantType = "refresh_token" }, core.json_decode(runtime.requests[1].body))
    assert.is_nil(credentials.header(runtime.requests[1], "authorization"))
    local kept = core.json_decode(process.read(cache))
    assert.same({ "next-refresh", "id" }, { kept.refreshToken, kept.idToken })
    assert.same({ "AKNEW", "2023-11-14T22:28:20Z", "123456789012" },
      { kept.accessToken.accessKeyId, kept.accessToken.expiresAt, kept.accessToken.accountId })
  end)

  it("proves with the file's key that the request is its own", function()
    local _, _, runtime = find("2023-11-14T22:00:00Z", { FRESH })
    local jwt = credentials.header(runtime.requests[1], "dpop")
    local head, claims, signature = jwt:match "^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$"
    local header, claim = core.json_decode(unbase64url(head)), core.json_decode(unbase64url(claims))
    assert.same({ "dpop+jwt", "ES256", "EC", "P-256" }, { header.typ, header.alg, header.jwk.kty, header.jwk.crv })
    assert.same({ "POST", SIGNIN, NOW }, { claim.htm, claim.htu, claim.iat })
    assert.matches("^%x+%-%x+%-4", claim.jti)
    write(directory .. "/text", head .. "." .. claims)
    write(directory .. "/signature", der(unbase64url(signature)))
    local _, output = process.run { "openssl", "dgst", "-sha256", "-verify", directory .. "/public.pem", "-signature",
      directory .. "/signature", directory .. "/text" }
    assert.matches("Verified OK", output, 1, true)
    local _, public = process.run { "openssl", "ec", "-pubin", "-in", directory .. "/public.pem", "-text", "-noout" }
    local point = public:match("pub:(.-)ASN1"):gsub("[%s:]", "")
    local hex = (unbase64url(header.jwk.x) .. unbase64url(header.jwk.y)):gsub(".", function(c)
      return ("%02x"):format(c:byte())
    end)
    assert.equal("04" .. hex, point)
  end)

  for name, case in pairs {
    TOKEN_EXPIRED = 401, USER_CREDENTIALS_CHANGED = 403, INSUFFICIENT_PERMISSIONS = 403,
  } do
    it("sends the user to log in after " .. name, function()
      local _, err, runtime = find("2023-11-14T22:00:00Z",
        { { status = case, body = ('{"error":"%s","message":"x"}'):format(name) } })
      assert.matches(name .. "; run aws login --profile default", err.message, 1, true)
      assert.is_true(err.is_final)
      assert.equal(1, #runtime.requests)
    end)
  end

  it("does not after a failure of the service", function()
    local _, err = find("2023-11-14T22:00:00Z", { { status = 500, body = "{}" } })
    assert.matches("the login could not be refreshed: HTTP 500", err.message, 1, true)
    assert.is_nil(err.is_final)
  end)

  it("says what its file lacks", function()
    for name, value in pairs { clientId = false, refreshToken = false, dpopKey = false } do
      local _, err = find("2023-11-14T22:00:00Z", {}, { [name] = value })
      assert.matches("lacks " .. name, err.message, 1, true)
    end
    local _, err = find("2023-11-14T22:00:00Z", {}, { dpopKey = "junk" })
    assert.matches("not a private key in PEM", err.message, 1, true)
    _, err = find("2023-11-14T22:00:00Z", {}, { accessToken = false })
    assert.matches("not a JSON object", err.message, 1, true)
  end)
end)
