-- AWS's cases of credentials: an environment, files and recorded traffic, which a server on loopback plays.
local dynamodb = require "dynamodb"
local lfs = require "lfs"
local loopback = require "spec.support.loopback"
local server = require "spec.support.server"
local vectors = require "spec.support.vectors"

-- Where AWS's case leaves the failure to the SDK's words: what ours say.
local FAILURES = {
  eks_pod_identity_no_token_file = "token.jwt cannot be read: No such file or directory",
  imds_default_chain_error = "the instance has no role",
  imds_disabled = "switched off by AWS_EC2_METADATA_DISABLED",
  imds_no_iam_role = "the credential provider was not enabled",
  imds_token_fail = "request forbidden: IMDS is disabled",
  profile_overrides_web_identity = "the credential provider was not enabled",
  sso_no_token_file = "/.aws/sso/cache/dace00cba5f8355ec9d274ceb2bcebdfbeed0e12.json cannot be read",
  sso_server_error = "an error occurred while loading credentials: HTTP 503",
  web_identity_source_profile_no_env = "`web_identity_token_file` was specified but `role_arn` was missing",
  web_identity_token_invalid_jwt = "InvalidIdentityToken: No OpenIDConnect provider found in your account",
  credential_process_failure = "external process exited with code exit status: 1",
  credential_process_invalid = "invalid JSON in response",
  empty_config = 'have no profile "default"',
  invalid_config = "/.aws/config:2: Property did not have a name",
  invalid_sso_credentials_config = "selected profile will resolve an access token instead of credentials",
  sso_token = "selected profile will resolve an access token instead of credentials",
}

local function files_below(folder, prefix, files)
  if lfs.attributes(folder, "mode") ~= "directory" then return files end
  for name in lfs.dir(folder) do
    if name ~= "." and name ~= ".." then
      local path = folder .. "/" .. name
      if lfs.attributes(path, "mode") == "directory" then
        files_below(path, prefix .. "/" .. name, files)
      else
        local file = assert(io.open(path, "rb"))
        -- The recorded commands are a shell's; ours is none.
        files[prefix .. "/" .. name] = file:read("*a"):gsub("credential_process = ([^\n]*)", function(command)
          return "credential_process = sh -c '" .. command:gsub("'", "") .. "'"
        end)
        file:close()
      end
    end
  end
  return files
end

-- "GET host/path" without the parts that are known only when they come.
local function key_of(method, url)
  local host, path = url:match "^%a+://([^/]+)(.*)$"
  if path == "" then path = "/" end
  local base, query = path:match "^([^?]*)%??(.*)$"
  local parts = {}
  for part in query:gmatch "[^&]+" do parts[#parts + 1] = part end
  table.sort(parts)
  return ("%s %s%s%s"):format(method, host, base, #parts > 0 and "?" .. table.concat(parts, "&") or "")
end

-- What was recorded: the answers by request, and the requests in their order.
local function read_traffic(traffic)
  local routes, order, by_connection = {}, {}, {}
  for _, event in ipairs(traffic.events or {}) do
    local id, action = event.connection_id, event.action
    local exchange = by_connection[id]
    if action.Request then
      exchange = { method = action.Request.request.method, url = action.Request.request.uri, body = "" }
      by_connection[id], order[#order + 1] = exchange, exchange
    elseif action.Response then
      exchange.status = action.Response.response.Ok.status
    elseif action.Data and action.Data.direction == "Response" then
      exchange.body = exchange.body .. action.Data.data.Utf8
    end
  end
  for _, exchange in ipairs(order) do
    local key = key_of(exchange.method, exchange.url)
    routes[key] = routes[key] or {}
    table.insert(routes[key], server.response(exchange.body, { status = exchange.status }))
  end
  return routes, order
end

local function run(group, name)
  local path = ("credentials/%s/%s"):format(group, name)
  local variables = vectors.json(path .. "/env.json")
  local files = files_below(vectors.root .. "/" .. path .. "/fs", "", {})
  local expected = vectors.json(path .. "/test-case.json").result
  local routes, order = read_traffic(vectors.json(path .. "/http-traffic.json"))
  local good = expected.Ok
  local runtime = loopback.new(routes, good and good.expiry and good.expiry - 3600 or nil)
  loopback.enter(files, variables)
  finally(function()
    loopback.leave()
    runtime:close()
  end)
  local db = dynamodb.connect {
    runtime = runtime,
    region = not variables.AWS_REGION and "us-east-1" or nil,
    profile = group == "profile-provider" and "default" or nil, -- these cases ask the profile alone
  }
  db:runtime()
  local credentials, err
  if db.problem then
    err = { message = db.problem }
  else
    credentials, err = db.provider:get(runtime, runtime:now() + 20)
  end
  -- The path with the account in it is newer than the recordings.
  local asked = {}
  for _, request in ipairs(runtime.seen) do
    if not request.url:find("security%-credentials%-extended") then
      asked[#asked + 1] = key_of(request.method, request.url)
    end
  end
  local recorded = {}
  for i, exchange in ipairs(order) do recorded[i] = key_of(exchange.method, exchange.url) end
  return good, credentials, err, asked, recorded
end

for _, group in ipairs { "default-credential-provider-chain", "profile-provider" } do
  describe("AWS's cases of " .. group, function()
    local names = vectors.list("credentials/" .. group)
    if #names == 0 then
      it("pass", function() pending "the public test vectors are not here" end)
    end
    for _, name in ipairs(names) do
      it(name, function()
        local good, credentials, err, asked, recorded = run(group, name)
        if good then
          assert.is_nil(err and err.message)
          assert.same(good, {
            access_key_id = credentials.access_key_id, secret_access_key = credentials.secret_access_key,
            session_token = credentials.session_token, account_id = credentials.account_id,
            expiry = credentials.expires,
          })
        else
          assert.is_nil(credentials)
          -- A case that is newer than this list is content with any failure: the words are each SDK's own.
          assert.matches(FAILURES[name] or "%S", err.message, 1, FAILURES[name] ~= nil)
        end
        if name ~= "sso_server_error" then assert.same(recorded, asked) end -- we ask three times, the recording once
      end)
    end
  end)
end
