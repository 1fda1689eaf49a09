--- The SigV4 suite of aws-c-auth as a signer takes it, and signed requests taken apart again.
local core = require "dynamodb.core"
local vectors = require "spec.support.vectors"

local ROOT = "sigv4/aws-c-auth-v4/"
local signing = {}

--- Unix seconds of 20150830T123600Z or 2015-08-30T12:36:00Z, without asking the local time zone.
---@param text string
---@return integer
function signing.time(text)
  local year, month, day, hour, minute, second =
    text:match "^(%d%d%d%d)%-?(%d%d)%-?(%d%d)T(%d%d):?(%d%d):?(%d%d)Z$"
  year, month = tonumber(year), tonumber(month)
  local y = month <= 2 and year - 1 or year
  local month_from_march = (month + 9) % 12
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((153 * month_from_march + 2) / 5) + tonumber(day) - 1 - 719468
  return ((days * 24 + tonumber(hour)) * 60 + tonumber(minute)) * 60 + tonumber(second)
end

--- "GET /path?query HTTP/1.1", headers (some over several lines) and a body, as a request to sign.
---@param text string
---@return dynamodb.SignRequest
function signing.parse(text)
  local head, body = text, ""
  local at, last = text:find "\r?\n\r?\n"
  if at then head, body = text:sub(1, at - 1), text:sub(last + 1) end
  local request = { headers = {}, body = body }
  local target
  for line in (head .. "\n"):gmatch "(.-)\r?\n" do
    if not request.method then
      request.method, target = line:match "^(%S+) (.*) HTTP/1%.1$"
      request.path, request.query = target:match "^([^?]*)%??(.*)$"
    elseif line:find "^[ \t]" then
      local header = request.headers[#request.headers]
      header[2] = header[2] .. "\n" .. line
    elseif line ~= "" then
      request.headers[#request.headers + 1] = { line:match "^([^:]+):(.*)$" }
    end
  end
  return request
end

--- The parameters of a query, sorted.
---@param query string
---@return string[]
function signing.parameters(query)
  local list = {}
  for parameter in query:gmatch "[^&]+" do list[#list + 1] = parameter end
  table.sort(list)
  return list
end

---@return string[]    the names of the suite's cases; none when it is absent
function signing.cases()
  return vectors.list(ROOT)
end

--- One case of the suite.
---@param name string
---@return table    signer, request, time, expires, and what is expected: header_signature, authorization, …
function signing.case(name)
  local folder = ROOT .. name .. "/"
  local context = assert(vectors.json(folder .. "context.json"))
  local function read(file) return assert(vectors.read(folder .. file)) end
  local case = {
    request = signing.parse(read "request.txt"),
    time = signing.time(context.timestamp),
    expires = context.expiration_in_seconds,
    sign_body = context.sign_body,
    token = context.credentials.token,
    signer = core.signer {
      access_key_id = context.credentials.access_key_id,
      secret_access_key = context.credentials.secret_access_key,
      session_token = context.credentials.token,
      region = context.region, service = context.service,
      normalize_path = context.normalize, omit_session_token = context.omit_session_token,
    },
    payload_hash = read("header-canonical-request.txt"):match "(%x+)%s*$",
    header_signature = read("header-signature.txt"):match "%x+",
    authorization = read("header-signed-request.txt"):match "Authorization:([^\r\n]+)",
    query_signature = read("query-signature.txt"):match "%x+",
    query = signing.parse(read "query-signed-request.txt").query,
  }
  return case
end

return signing
