-- When credentials are fetched, and what is served meanwhile. Time is virtual.
local cached = require "dynamodb.credentials.cached"
local dynamodb = require "dynamodb"
local errors = require "dynamodb.error"
local fake = require "dynamodb.runtime.fake"
local failure = require "dynamodb.credentials.failure"
local vectors = require "spec.support.vectors"

-- A provider whose answers are scripted: a lifetime in seconds, false (it fails), "final", or nil (it does not exist).
-- "stopped" is what a caller's job makes of it that is to stop. The last one is repeated. Each takes `delay` seconds.
local function source(script, options)
  local made = { calls = 0, delay = 0 }
  for name, value in pairs(options or {}) do made[name] = value end
  function made:get(runtime, deadline)
    self.calls = self.calls + 1
    local number = self.calls
    runtime:sleep(deadline and math.min(self.delay, deadline - runtime:now()) or self.delay)
    if deadline and runtime:now() >= deadline then
      return nil, errors.new { code = "DeadlineExceeded" }
    end
    local what = script[math.min(number, #script)]
    if what == false then return failure "the source is down" end
    if what == "stopped" then return nil, errors.new { code = "Stopped", sent = false } end
    if what == "final" then return failure("log in again", { is_final = true }) end
    if type(what) == "function" then what() end
    return {
      access_key_id = "AK" .. number, secret_access_key = "SK",
      expires = what ~= math.huge and runtime:time() + what or nil, source = "the script",
    }
  end
  return made
end

local function new(script, options)
  local inner = source(script, options)
  local runtime = fake.new()
  return cached.new(inner, function() return 0.5 end), inner, runtime
end

-- The access key that is served; or the failure's message.
local function key(provider, runtime, deadline)
  local credentials, err = provider:get(runtime, deadline)
  return credentials and credentials.access_key_id or err.message
end

describe("credentials that do not expire", function()
  it("are fetched once", function()
    local provider, inner, runtime = new { math.huge }
    assert.equal("AK1", key(provider, runtime))
    runtime:advance(1e9)
    assert.equal("AK1", key(provider, runtime))
    assert.equal(1, inner.calls)
  end)
end)

describe("credentials that expire", function()
  for lifetime, window in pairs {
    [1200] = 300, [1201] = 900, [3600] = 900, [5399] = 900, [5400] = 3600, [21600] = 3600,
  } do
    it(("after %d s are looked for anew in their last %d s"):format(lifetime, window), function()
      local provider, inner, runtime = new { lifetime }
      assert.equal("AK1", key(provider, runtime))
      runtime:advance(lifetime - window - 1)
      assert.equal("AK1", key(provider, runtime))
      runtime:advance(1)
      assert.equal("AK2", key(provider, runtime))
      assert.equal(2, inner.calls)
    end)
  end

  it("are fetched by one caller while the others use the old ones", function()
    local provider, inner, runtime = new({ 3600 }, { delay = 0 })
    key(provider, runtime)
    runtime:advance(3600 - 600)
    inner.delay = 10
    local first = runtime:spawn(function() return key(provider, runtime) end)
    assert.equal("AK1", key(provider, runtime))
    assert.same({ true, "AK2" }, { runtime:join(first) })
    assert.equal(2, inner.calls)
  end)

  it("are waited for by all in the last minute", function()
    local provider, inner, runtime = new({ 3600 }, { delay = 0 })
    key(provider, runtime)
    runtime:advance(3600 - 59)
    inner.delay = 10
    local tasks = {}
    for i = 1, 5 do tasks[i] = runtime:spawn(function() return key(provider, runtime) end) end
    for i = 1, 5 do assert.same({ true, "AK2" }, { runtime:join(tasks[i]) }) end
    assert.equal(2, inner.calls)
  end)

  it("soon after they came are not asked for with each request", function()
    local provider, inner, runtime = new { 200 }
    for _ = 1, 50 do key(provider, runtime) end
    assert.equal(1, inner.calls)
    runtime:advance(101)
    key(provider, runtime)
    assert.equal(2, inner.calls)
  end)
end)

describe("a hundred tasks that need credentials at once", function()
  it("cause one fetch", function()
    local provider, inner, runtime = new({ 3600 }, { delay = 1 })
    local tasks = {}
    for i = 1, 100 do tasks[i] = runtime:spawn(function() return key(provider, runtime) end) end
    for i = 1, 100 do assert.same({ true, "AK1" }, { runtime:join(tasks[i]) }) end
    assert.equal(1, inner.calls)
  end)

  it("share its failure, each with an error of its own", function()
    local provider, inner, runtime = new({ false }, { delay = 1 })
    local tasks, errs = {}, {}
    for i = 1, 100 do tasks[i] = runtime:spawn(function() return select(2, provider:get(runtime)) end) end
    for i = 1, 100 do
      local _, err = runtime:join(tasks[i])
      assert.equal("the source is down", err.message)
      assert.is_nil(errs[err])
      errs[err] = true
    end
    assert.equal(1, inner.calls)
  end)

  it("do not suffer from one whose time is over", function()
    local provider, inner, runtime = new({ 3600 }, { delay = 5 })
    local hasty = runtime:spawn(function() return key(provider, runtime, runtime:now() + 1) end)
    local patient = runtime:spawn(function() return key(provider, runtime, runtime:now() + 60) end)
    local _, message = runtime:join(hasty)
    assert.equal("", message)
    assert.same({ true, "AK2" }, { runtime:join(patient) })
    assert.equal(2, inner.calls)
  end)

  it("are not told of an older failure by one whose time is over", function()
    local provider, inner, runtime = new({ false, 3600 }, { delay = 0 })
    key(provider, runtime)
    inner.delay = 5
    local hasty = runtime:spawn(function() return key(provider, runtime, runtime:now() + 1) end)
    local patient = runtime:spawn(function() return key(provider, runtime, runtime:now() + 60) end)
    runtime:join(hasty)
    assert.same({ true, "AK3" }, { runtime:join(patient) })
  end)

  it("do not suffer from one that is told to stop", function()
    local provider, inner, runtime = new({ "stopped", 3600, "stopped", 3600 }, { delay = 5 })
    local stopped = runtime:spawn(function() return select(2, provider:get(runtime)).code end)
    local other = runtime:spawn(function() return key(provider, runtime) end)
    assert.same({ true, "Stopped" }, { runtime:join(stopped) })
    assert.same({ true, "AK2" }, { runtime:join(other) })
    runtime:advance(3600)
    key(provider, runtime)
    assert.equal("AK4", key(provider, runtime))
    assert.equal(4, inner.calls)
  end)

  it("do not suffer from one that is told to stop, where they are fetched apart", function()
    local provider, _, runtime = new({ "stopped", 3600 }, { delay = 5 })
    function runtime.apart(_, f)
      local errand = {}
      local task = runtime:spawn(function() errand.results = { pcall(f) } end)
      function errand.is_lost() return false end
      function errand.wait() return runtime:join(task) end
      return errand
    end
    local tasks = {}
    for i = 1, 2 do tasks[i] = runtime:spawn(function() return key(provider, runtime) end) end
    for i = 1, 2 do assert.same({ true, "AK2" }, { runtime:join(tasks[i]) }) end
  end)

  it("do not wait for one that was ended while it fetched", function()
    local provider, inner, runtime = new({ 3600 }, { delay = 0 })
    key(provider, runtime)
    runtime:advance(3600 - 600)
    inner.delay = 10
    runtime:cancel(runtime:spawn(function() key(provider, runtime, runtime:now() + 30) end))
    assert.equal("AK1", key(provider, runtime))
    runtime:advance(30)
    assert.equal("AK3", key(provider, runtime))
  end)

  it("are not locked out by a source that raises", function()
    local provider, _, runtime = new { function() error "broken" end }
    assert.is_false(pcall(provider.get, provider, runtime))
    local ok, message = pcall(provider.get, provider, runtime, runtime:now() + 1)
    assert.is_false(ok)
    assert.matches("broken", message, 1, true)
  end)
end)

describe("a source that fails", function()
  it("at first is an error each time, without a pause", function()
    local provider, inner, runtime = new { false, 3600 }
    assert.equal("the source is down", key(provider, runtime))
    assert.equal("AK2", key(provider, runtime))
    assert.equal(2, inner.calls)
  end)

  it("is left alone for five to ten minutes, and what it gave is served, even expired", function()
    local provider, inner, runtime = new { 3600, false, false, 3600 }
    key(provider, runtime)
    runtime:advance(3600 - 60)
    assert.equal("AK1", key(provider, runtime))
    assert.equal(2, inner.calls)
    runtime:advance(449)
    assert.equal("AK1", key(provider, runtime))
    assert.equal(2, inner.calls)
    runtime:advance(1)
    assert.equal("AK1", key(provider, runtime))
    assert.equal(3, inner.calls)
    runtime:advance(450)
    assert.equal("AK4", key(provider, runtime))
  end)

  it("has failed when it gives credentials that have expired", function()
    local provider, inner, runtime = new { 3600, -5, 3600 }
    key(provider, runtime)
    runtime:advance(3600)
    assert.equal("AK1", key(provider, runtime))
    assert.equal("AK1", key(provider, runtime))
    assert.equal(2, inner.calls)
  end)

  it("gives expired ones at first: the service may judge them, and it is not asked for each request", function()
    local provider, inner, runtime = new { -5 }
    assert.equal("AK1", key(provider, runtime))
    assert.equal("AK1", key(provider, runtime))
    assert.equal(1, inner.calls)
  end)

  it("for good says so at once, but is not asked for each request", function()
    local provider, inner, runtime = new { 3600, "final", 3600 }
    key(provider, runtime)
    runtime:advance(3600 - 600)
    local _, first = provider:get(runtime)
    assert.equal("log in again", first.message)
    first.operation = "GetItem" -- as its caller does
    local _, second = provider:get(runtime)
    assert.same({ "log in again", nil }, { second.message, second.operation })
    assert.equal(2, inner.calls)
    runtime:advance(3)
    assert.equal("AK3", key(provider, runtime))
  end)
end)

describe("a program's credentials", function()
  it("are fetched ten seconds early and served only while they are valid", function()
    local provider, inner, runtime = new({ 3600, false }, { is_plain = true })
    key(provider, runtime)
    runtime:advance(3600 - 11)
    assert.equal("AK1", key(provider, runtime))
    assert.equal(1, inner.calls)
    runtime:advance(2)
    assert.equal("AK1", key(provider, runtime))
    assert.equal(2, inner.calls)
    runtime:advance(9)
    assert.equal("the source is down", key(provider, runtime))
  end)

  it("are none where they have expired already", function()
    local provider, _, runtime = new({ -5 }, { is_plain = true })
    assert.equal("the source gave credentials that have expired", key(provider, runtime))
  end)
end)

describe("a function's credentials", function()
  local function new_function(expires)
    local calls, runtime = 0, fake.new()
    local db = dynamodb.connect { region = "eu-west-1", runtime = runtime, credentials = function()
      calls = calls + 1
      local number = calls
      runtime:sleep(1)
      return { access_key_id = "AK" .. number, secret_access_key = "SK", expires = expires }
    end }
    return db.provider, runtime, function() return calls end
  end

  for name, expires in pairs { ["with an end"] = fake.new():time() + 3600, ["without an end"] = false } do
    it(name .. " are asked for once by tasks that need them at once", function()
      local provider, runtime, calls = new_function(expires or nil)
      local tasks = {}
      for i = 1, 100 do tasks[i] = runtime:spawn(function() return key(provider, runtime) end) end
      for i = 1, 100 do assert.same({ true, "AK1" }, { runtime:join(tasks[i]) }) end
      assert.equal(1, calls())
    end)
  end

  it("are kept until ten seconds before their end", function()
    local provider, runtime = new_function(fake.new():time() + 3600)
    assert.equal("AK1", key(provider, runtime))
    runtime:advance(3600 - 12)
    assert.equal("AK1", key(provider, runtime))
    runtime:advance(1)
    assert.equal("AK2", key(provider, runtime))
  end)

  it("are asked for each time where it does not tell their end", function()
    local provider, runtime = new_function()
    for i = 1, 3 do assert.equal("AK" .. i, key(provider, runtime)) end
  end)
end)

describe("credentials", function()
  -- What AWS's cases begin with, by how long it still lives; each has lived for an hour then.
  local LEFT = { valid = 1800, advisory = 600, mandatory = 30, expired = -30 }

  local function begin(given)
    local what
    local inner = { calls = 0 }
    function inner:get(runtime)
      self.calls = self.calls + 1
      if what.response == "error" then return failure "down" end
      if what.response == "nonRecoverableError" then return failure("log in again", { is_final = true }) end
      local lifetime = what.response == "staleCredentials" and 0 or what.lifetimeSeconds or 3600
      return { access_key_id = what.key or "NEW", secret_access_key = "SK", expires = runtime:time() + lifetime }
    end
    local runtime = fake.new()
    local pause = given.refreshBackoffSeconds or 450
    local provider = cached.new(inner, function() return (pause - 300) / 300 end)
    local left = LEFT[given.cachedCredentials]
    if left then
      what = { key = given.accessKeyId or "OLD" }
      provider:get(runtime)
      runtime:advance(3600 - left)
    end
    local old = given.accessKeyId or "OLD"
    return provider, runtime, inner, old, function(step) what = step end
  end

  it("are kept and refreshed as AWS's cases say", function()
    local cases = vectors.json "credentials/credential-refresh-tests.json"
    if not cases then return pending "the public test vectors are not here" end
    for _, case in ipairs(cases) do
      local provider, runtime, inner, old, play = begin(case.given)
      for _, step in ipairs(case.steps) do
        play(step)
        if step.type == "advanceTime" then
          runtime:advance(step.seconds)
        elseif step.type == "invalidate" then
          provider:invalidate { access_key_id = step.rejectedAccessKeyId }
        else
          local calls, expected = inner.calls, step.expected
          local served = key(provider, runtime)
          assert.equal(({ cachedCredentials = old, newCredentials = "NEW", nonRecoverableError = "log in again",
            noCredentialsError = "down" })[expected.result], served, case.documentation)
          assert.equal(expected.sourceContacted, inner.calls > calls, case.documentation)
          -- A window of one's own is an option of others.
          if expected.advisoryWindowSeconds and not case.given.configuredAdvisoryWindowSeconds then
            assert.equal(expected.advisoryWindowSeconds, provider.window, case.documentation)
          end
          if step.response == "nonRecoverableError" then runtime:advance(3) end -- for so long it is only told again
        end
      end
    end
  end)
end)

describe("credentials that the service refuses", function()
  it("are fetched anew", function()
    local provider, inner, runtime = new { 3600 }
    local old = provider:get(runtime)
    assert.is_true(provider:invalidate(old))
    assert.equal("AK2", key(provider, runtime))
    assert.equal("AK2", key(provider, runtime))
    assert.equal(2, inner.calls)
  end)

  it("are not, when they are others than those in use", function()
    local provider, inner, runtime = new { 3600 }
    provider:get(runtime)
    provider:invalidate { access_key_id = "OLD" }
    assert.equal("AK1", key(provider, runtime))
    assert.equal(1, inner.calls)
  end)

  it("are not, while a source that has failed is left alone", function()
    local provider, inner, runtime = new { 3600, false }
    local old = provider:get(runtime)
    runtime:advance(3600)
    provider:get(runtime)
    provider:invalidate(old)
    assert.equal("AK1", key(provider, runtime))
    assert.equal(2, inner.calls)
  end)

  it("are all there is, of a source with no others", function()
    local provider, _, runtime = new({ math.huge }, { is_fixed = true })
    assert.is_false(provider:invalidate(assert(provider:get(runtime))))
  end)
end)

describe("a batch in which credentials expire", function()
  it("loses nothing", function()
    local written = {}
    local runtime = fake.new { handler = function(request, runtime)
      local key_id = request.head:match "Credential=([^/]+)/"
      if key_id == "AK1" and runtime:now() > 1 then
        return { status = 400, body = '{"__type":"x#ExpiredTokenException","message":"expired"}' }
      end
      for id in request.body:gmatch '"pk":{"S":"(%d+)"}' do written[id] = (written[id] or 0) + 1 end
      return { body = "{}", delay = 0.4 }
    end }
    local db = dynamodb.connect {
      region = "eu-west-1", runtime = runtime, access_key_id = "x", secret_access_key = "x",
    }
    db.provider = cached.new(source { 3600 })
    local items = {}
    for i = 1, 200 do items[i] = { pk = tostring(i) } end
    local report = assert(db:table("t", { partition = "pk" }):put_all(items, { concurrency = 2 }))
    assert.equal(200, report.done)
    for i = 1, 200 do assert.equal(1, written[tostring(i)]) end
    assert.equal(2, db.provider.provider.calls)
  end)
end)
