--- What a signature costs beside its hashing alone (floor.c). The floor's loop is in C, ours in Lua: the call, its
--- arguments, the strings and tables it makes are part of ours.
local core = require "dynamodb.core"
local floor = require "floor"
local race = require "bench.support.race"

local ACCESS_KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
local REGION, SERVICE = "eu-west-1", "dynamodb"
local HOST, TARGET = "dynamodb.eu-west-1.amazonaws.com", "DynamoDB_20120810.GetItem"
local TYPE, ATTEMPT = "application/x-amz-json-1.0", "attempt=1; max=1"
local AGENT = "dynamodb-lua/0.1.0 ua/2.1 lang/lua#5.4 api/dynamodb"
local EXTRA = "Accept-Encoding: identity\r\n"
local DATE = "20261101T000000Z"
local TIME = 1793491200 -- the same

local signer = core.signer {
  access_key_id = ACCESS_KEY, secret_access_key = SECRET, region = REGION, service = SERVICE,
}
local call = core.retry { max_attempts = 1 }:begin(true)

--- What every request takes.
local function head_of(body) return signer:attempt(call, HOST, TARGET, body, TIME, 0, AGENT, EXTRA) end

local ID = core.header("\n" .. head_of "", "amz-sdk-invocation-id") -- the call has drawn it

--- What a user of the public signer hands to it.
local function request_of(body)
  return {
    method = "POST", path = "/", body = body,
    headers = {
      { "Host", HOST }, { "Content-Type", TYPE }, { "X-Amz-Target", TARGET }, { "amz-sdk-invocation-id", ID },
      { "amz-sdk-request", ATTEMPT },
    },
  }
end

--- The canonical request and the string to sign, each without the hash that ends it.
local function texts()
  local headers = {
    "amz-sdk-invocation-id:" .. ID, "amz-sdk-request:" .. ATTEMPT, "content-type:" .. TYPE, "host:" .. HOST,
    "x-amz-date:" .. DATE, "x-amz-target:" .. TARGET,
  }
  local names = {}
  for i, header in ipairs(headers) do names[i] = header:match "^[^:]+" end
  local canonical = ("POST\n/\n\n%s\n\n%s\n"):format(table.concat(headers, "\n"), table.concat(names, ";"))
  return canonical, ("AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n"):format(DATE, DATE:sub(1, 8), REGION, SERVICE)
end

local function measure(title, body)
  local ground = floor.new(SECRET, DATE:sub(1, 8), REGION, SERVICE)
  local canonical, text = texts()
  local request = request_of(body)
  -- All must sign the same.
  local expected = ground:sign(body, canonical, text)
  local _, signature = signer:sign(request, TIME)
  assert(signature == expected)
  assert(head_of(body):find("Signature=" .. expected, 1, true))
  race.run {
    title = title, bytes = #body, count = 2000,
    { "the hashing alone, looped in C", function(n) ground:sign(body, canonical, text, n) end },
    { "signer:head (every request)", function(n)
      for _ = 1, n do signer:attempt(call, HOST, TARGET, body, TIME, 0, AGENT, EXTRA) end
    end },
    { "signer:sign", function(n) for _ = 1, n do signer:sign(request, TIME) end end },
    { "signer:sign, request made anew", function(n) for _ = 1, n do signer:sign(request_of(body), TIME) end end },
    { "the hashing alone, called from Lua", function(n) for _ = 1, n do ground:sign(body, canonical, text) end end },
  }
end

local body = ('{"TableName":"orders","Key":{"pk":{"S":"%s"}}}'):format(("x"):rep(1024 - 44))
assert(#body == 1024)
measure("Signing, 1 KB", body)
measure("Signing, 40 KB", body:rep(40))
