--- Credentials of a role, from AWS's Security Token Service.
--- Source: AWS Security Token Service API Reference, AssumeRole and AssumeRoleWithWebIdentity; protocol AWS query.
local core = require "dynamodb.core"
local failure = require "dynamodb.credentials.failure"
local http = require "dynamodb.credentials.http"
local service = require "dynamodb.credentials.service"
local document = require "dynamodb.credentials.document"

local sts = {}

local NAMES = {
  key = "AccessKeyId", secret = "SecretAccessKey", token = "SessionToken", expires = "Expiration",
}

local ENTITIES = { amp = "&", lt = "<", gt = ">", quot = '"', apos = "'" }

--- The text of an element; markup in it is not expected, and then there is no such text.
---@param xml string
---@param name string
---@return string?
local function element(xml, name)
  local text = xml:match("<" .. name .. ">([^<]*)</" .. name .. ">")
  if not text then return nil end
  text = text:gsub("&#(%d+);", function(code) return tonumber(code) < 128 and string.char(code) or "?" end)
  return (text:gsub("&(%a+);", ENTITIES))
end

---@param xml string
---@return dynamodb.Credentials?
---@return string? message
local function read_credentials(xml, source)
  local inner = xml:match("<Credentials>(.-)</Credentials>")
  if not inner then return nil, "no credentials in it" end
  local given = {}
  for _, name in pairs(NAMES) do given[name] = element(inner, name) end
  local credentials, message = document.credentials(given, NAMES, source)
  if not credentials then return nil, message end
  if not credentials.expires then return nil, "Expiration is missing" end
  local arn = element(xml:match("<AssumedRoleUser>(.-)</AssumedRoleUser>") or "", "Arn")
  credentials.account_id = arn and arn:match("^arn:[^:]*:[^:]*:[^:]*:(%d+):") or nil
  return credentials
end

local TEMPORARY = { Throttling = true, ThrottlingException = true, RequestLimitExceeded = true,
  IDPCommunicationError = true, RequestTimeout = true }

---@param answer dynamodb.Response
---@return boolean
local function is_temporary(answer)
  return answer.status >= 400 and TEMPORARY[element(answer.body, "Code") or ""] == true
end

--- The headers of a request, signed if there are credentials to sign with.
---@param url dynamodb.Url
---@param body string
---@param region string
---@param credentials dynamodb.Credentials?
---@param time number
---@return string[][]
local function headers_of(url, body, region, credentials, time)
  local headers = { { "Content-Type", "application/x-www-form-urlencoded; charset=utf-8" } }
  if not credentials then return headers end
  local signer = core.signer {
    access_key_id = credentials.access_key_id, secret_access_key = credentials.secret_access_key,
    session_token = credentials.session_token, region = region, service = "sts",
  }
  local added = signer:sign({
    method = "POST", path = url.path, query = "", body = body,
    headers = { headers[1], { "Host", url.authority } },
  }, time)
  for name, value in pairs(added) do headers[#headers + 1] = { name, value } end
  return headers
end

--- Sends a request; once more, signed for the right time, when the answer shows that this machine's clock is wrong.
---@param context dynamodb.credentials.Context
---@param runtime table
---@param url dynamodb.Url
---@param body string
---@param credentials dynamodb.Credentials?    to sign with
---@param deadline number?
---@return dynamodb.Response?
---@return dynamodb.Error?
local function exchange(context, runtime, url, body, credentials, deadline)
  local region = url.host == "sts.amazonaws.com" and "us-east-1" or context.region.value
  local disabled = context.setting "disable_clock_skew_correction"
  local policy = core.retry({ clock_skew = not (disabled and disabled.value) }):call { safe = true, max_attempts = 2 }
  while true do
    local sent_at = runtime:time()
    local answer, err = http.send(runtime, {
      method = "POST", url = url, body = body, is_temporary = is_temporary, timeout = service.TIMEOUT,
      headers = headers_of(url, body, region, credentials, policy:signing_time(sent_at)),
    }, deadline)
    local code = answer and answer.status ~= 200 and element(answer.body, "Code")
    if not credentials or not code or core.classify(answer.status, code) ~= "clock_skew" then return answer, err end
    local verdict = policy:outcome({
      ok = false, status = answer.status, code = code, date = core.header(answer.head, "date"),
      age = core.header(answer.head, "age"), sent_at = sent_at, received_at = runtime:time(),
    }, runtime:now())
    if verdict == "done" then return answer end
  end
end

--- Calls one of the operations that give credentials.
---@param context dynamodb.credentials.Context
---@param runtime table
---@param request table     operation, parameters ({ { name, value }, … }), credentials (to sign with), secrets, source
---@param deadline number?
---@return dynamodb.Credentials?
---@return dynamodb.Error?
function sts.call(context, runtime, request, deadline)
  local url, message = service.url(context, "sts", context.region and context.region.value)
  if not url then return failure(("%s of STS: %s"):format(request.operation, message)) end
  local form = { { "Action", request.operation }, { "Version", "2011-06-15" } }
  for _, pair in ipairs(request.parameters) do form[#form + 1] = pair end
  local answer, err = exchange(context, runtime, url, http.form(form), request.credentials, deadline)
  if not answer then
    if http.is_late(err, runtime, deadline) then return nil, err end
    return failure(("%s of STS: %s: %s"):format(request.operation, err.code, err.message))
  end
  local options = { status = answer.status, secrets = request.secrets }
  if answer.status ~= 200 then
    local code, text = element(answer.body, "Code"), element(answer.body, "Message")
    return failure(("%s of STS was refused: HTTP %d%s%s"):format(request.operation, answer.status,
      code and ", " .. code or "", text and ": " .. text or ""), options)
  end
  local credentials
  credentials, message = read_credentials(answer.body, request.source)
  if credentials then return credentials end
  return failure(("%s of STS gave an answer that cannot be used: %s"):format(request.operation, message))
end

--- The name of a session, if none is configured.
---@param runtime table
---@return string
function sts.session_name(runtime)
  return ("dynamodb-lua-%d"):format(math.floor(runtime:time()))
end

return sts
