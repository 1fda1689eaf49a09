--- A client over the fake runtime, and what the specs that look at its requests share.
local dynamodb = require "dynamodb"
local core = require "dynamodb.core"
local fake = require "dynamodb.runtime.fake"

local fake_client = {
  key_id = "AKIDEXAMPLE",
  secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  token = "FwoGZXIvYXdzEXAMPLETOKEN",
}

--- A client whose requests get these answers, in order; nothing is retried unless the options say so. The wall clock
--- says 2023-11-14T22:13:20Z.
---@param answers table[]?    see dynamodb.runtime.fake
---@param options table?      of connect
---@return dynamodb.Client
---@return table runtime
function fake_client.new(answers, options)
  local runtime = fake.new { answers = answers, time = 1700000000 }
  local all = {
    region = "eu-west-1", runtime = runtime, retry = { max_attempts = 1 },
    access_key_id = fake_client.key_id, secret_access_key = fake_client.secret,
  }
  for name, value in pairs(options or {}) do all[name] = value end
  return dynamodb.connect(all), runtime
end

--- A header of a request that the runtime saw.
---@param request table
---@param name string    in lower case
---@return string?
function fake_client.header(request, name)
  return core.header("POST / HTTP/1.1\r\n" .. request.head .. "\r\n", name)
end

--- What `f` raises.
---@param f function
---@param ... any    arguments
---@return string
function fake_client.message_of(f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "nothing was raised")
  return tostring(message)
end

return fake_client
