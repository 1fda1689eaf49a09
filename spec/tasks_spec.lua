-- Tasks: first what holds on every runtime, on the fake one's clock; then over real sockets.
local fake = require "dynamodb.runtime.fake"
local http = require "spec.support.http"
local parallel = require "dynamodb.parallel"
local plain = require "dynamodb.runtime.plain"
local process = require "spec.support.process"
local server = require "spec.support.server"

local unpack = table.unpack or unpack

--- Calls `wait` from places that cannot, or must not, yield.
local places = {
  ["a gsub"] = function(wait) return (("x"):gsub("x", function() wait() return "y" end)) end,
  ["a sort"] = function(wait)
    table.sort({ 2, 1 }, function(a, b)
      wait()
      return a < b
    end)
  end,
  ["a generator"] = function(wait)
    local next_value = coroutine.wrap(function()
      for i = 1, 3 do
        wait()
        coroutine.yield(i)
      end
    end)
    assert.same({ 1, 2, 3 }, { next_value(), next_value(), next_value() })
  end,
  ["a metamethod"] = function(wait)
    return setmetatable({}, { __index = function() wait() return true end }).x
  end,
  ["an iterator of a for loop"] = function(wait)
    local seen = 0
    for i in function(_, i) wait() if i < 2 then return i + 1 end end, nil, 0 do seen = i end
    assert.equal(2, seen)
  end,
  ["a tostring"] = function(wait)
    tostring(setmetatable({}, { __tostring = function() wait() return "" end }))
  end,
  ["a pcall in a generator in a gsub"] = function(wait)
    return (("x"):gsub("x", coroutine.wrap(function() assert(pcall(wait)) end)))
  end,
}

describe("A task", function()
  local rt
  before_each(function() rt = fake.new() end)

  it("starts at once and runs until it waits", function()
    local seen = {}
    rt:spawn(function(...)
      seen[1] = { ... }
      rt:sleep(1)
      seen[2] = true
    end, "a", nil, "c")
    assert.same({ { "a", nil, "c" } }, seen)
  end)

  it("gives all its results to join, as often as that is asked for", function()
    local task = rt:spawn(function(...) rt:sleep(1) return ... end, 1, nil, 3, nil)
    for _ = 1, 2 do
      local function count(...) return select("#", ...), ... end
      assert.same({ 5, true, 1, nil, 3 }, { count(rt:join(task)) })
    end
  end)

  it("that is cancelled takes those with it that it has started, and no others", function()
    local seen = {}
    local function later(name)
      return function()
        rt:sleep(2)
        seen[#seen + 1] = name
      end
    end
    local other = rt:spawn(later "other")
    local child, grandchild, early
    local parent = rt:spawn(function()
      early = rt:spawn(function() end)
      child = rt:spawn(function()
        grandchild = rt:spawn(later "grandchild")
        later "child"()
      end)
      later "parent"()
    end)
    rt:sleep(1)
    rt:cancel(parent)
    for _, task in ipairs { parent, child, grandchild } do
      local ok, err = rt:join(task)
      assert.same({ false, "Cancelled" }, { ok, err.code })
    end
    assert.is_true(rt:join(early))
    assert.is_true(rt:join(other))
    assert.same({ "other" }, seen)
  end)

  it("is waited for together with others until the first of them ends", function()
    local function sleeper(seconds) return rt:spawn(function() rt:sleep(seconds) end) end
    local tasks = { sleeper(3), sleeper(1), sleeper(2) }
    rt:join_any(tasks)
    assert.equal(1, rt:now())
    rt:join_any(tasks) -- one has ended already
    assert.equal(1, rt:now())
    rt:join_any { tasks[1], tasks[3] }
    assert.equal(2, rt:now())
    rt:join(rt:spawn(function() rt:join_any { tasks[1] } end))
    assert.equal(3, rt:now())
  end)

  it("that raises gives its error, whatever it is, and the place", function()
    local value = {}
    local ok, err, trace = rt:join(rt:spawn(function() rt:sleep(1) error(value) end))
    assert.is_false(ok)
    assert.equal(value, err)
    assert.matches("tasks_spec", trace)
    ok, err = rt:join(rt:spawn(function() error("at once", 0) end))
    assert.same({ false, "at once" }, { ok, err })
  end)

  it("shares the time with the others", function()
    local order = {}
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = rt:spawn(function()
        for step = 1, 2 do
          rt:sleep(i)
          order[#order + 1] = ("%d.%d at %d"):format(i, step, rt:now())
        end
      end)
    end
    for i = 1, 3 do assert(rt:join(tasks[i])) end
    assert.same({ "1.1 at 1", "2.1 at 2", "1.2 at 2", "3.1 at 3", "2.2 at 4", "3.2 at 6" }, order)
    assert.equal(6, rt:now())
  end)

  it("goes on while the program waits for something else", function()
    local done
    rt:spawn(function() rt:sleep(1) done = true end)
    rt:sleep(2)
    assert.is_true(done)
  end)

  it("may spawn and join tasks itself", function()
    local function sum(n)
      if n < 2 then rt:sleep(n) return n end
      local a, b = rt:spawn(sum, n - 1), rt:spawn(sum, n - 2)
      return select(2, rt:join(a)) + select(2, rt:join(b))
    end
    assert.equal(144, select(2, rt:join(rt:spawn(sum, 12))))
    assert.equal(1, rt:now())
  end)

  it("that yields of its own accord lets the others have a turn", function()
    local order = {}
    local tasks = {}
    for i = 1, 2 do
      tasks[i] = rt:spawn(function()
        for _ = 1, 3 do
          order[#order + 1] = i
          coroutine.yield()
        end
      end)
    end
    for i = 1, 2 do assert(rt:join(tasks[i])) end
    assert.same({ 1, 2, 1, 2, 1, 2 }, order)
  end)

  it("has its turn though others never wait for long", function()
    local stop
    rt:spawn(function() while not stop do rt:sleep(0) end end)
    rt:spawn(function() for _ = 1, 10 do rt:sleep(0) end stop = true end)
    local rounds = 0
    while not stop do
      rt:sleep(0)
      rounds = rounds + 1
    end
    assert.is_true(rounds <= 11)
  end)

  it("is a function", function()
    assert.has_error(function() rt:spawn "x" end, "the function of a task must be a function, not a string")
    assert.has_error(function() rt:join {} end, "join: not a task")
  end)

  it("ends with an error when the runtime is closed", function()
    local task = rt:spawn(function() rt:sleep(1) end)
    local other = rt:spawn(function() rt:join(task) end)
    rt:close()
    for _, one in ipairs { task, other } do
      local ok, err = rt:join(one)
      assert.is_false(ok)
      assert.equal("Cancelled", err.code)
    end
    assert.has_error(function() rt:spawn(print) end, "the runtime is closed")
    assert.has_error(function() rt:sleep(1) end, "the runtime is closed")
  end)

  it("may close its runtime, and finds it closed", function()
    local ok, err = rt:join(rt:spawn(function() rt:close() rt:sleep(1) end))
    assert.is_false(ok)
    assert.matches("the runtime is closed", err)
  end)
end)

describe("Waiting inside of", function()
  for place, call in pairs(places) do
    it(place .. " lets other tasks go on", function()
      local rt = fake.new()
      local tasks, others = {}, 0
      for i = 1, 5 do
        tasks[i] = rt:spawn(function()
          call(function() rt:sleep(1) end)
          return i
        end)
      end
      local other = rt:spawn(function()
        for _ = 1, 10 do
          rt:sleep(0.1)
          others = others + 1
        end
      end)
      for i = 1, 5 do assert.same({ true, i }, { rt:join(tasks[i]) }) end
      assert(rt:join(other))
      assert.equal(10, others)
    end)

    it(place .. " outside of tasks blocks, and tasks go on", function()
      local rt = fake.new()
      local ended
      rt:spawn(function() rt:sleep(0.5) ended = true end)
      call(function() rt:sleep(1) end)
      assert.is_true(ended)
    end)
  end

  it("200 callbacks at once does not exhaust the stack, and all of them come to their end", function()
    for _, place in ipairs { "a gsub", "a sort", "a pcall in a generator in a gsub" } do
      local rt = fake.new()
      local tasks, depth, deepest = {}, 0, 0
      for i = 1, 200 do
        tasks[i] = rt:spawn(function()
          rt:sleep(0)
          depth = depth + 1
          deepest = math.max(deepest, depth)
          places[place](function() rt:sleep(1) end)
          depth = depth - 1
          return i
        end)
      end
      for i = 1, 200 do assert.same({ true, i }, { rt:join(tasks[i]) }) end
      assert.is_true(deepest > 20 and deepest <= 50, ("%s: %d deep"):format(place, deepest))
    end
  end)

  it("callbacks, joining through more than can be nested raises", function()
    local rt = fake.new()
    local function chain(n)
      if n == 0 then rt:sleep(1) return 0 end
      local result
      local _ = ("x"):gsub("x", function()
        local task = rt:spawn(function() rt:sleep(0) return chain(n - 1) end)
        local ok, value = rt:join(task)
        if not ok then error(value, 0) end
        result = value + 1
      end)
      return result
    end
    assert.same({ true, 10 }, { rt:join(rt:spawn(chain, 10)) })
    local ok, err = rt:join(rt:spawn(chain, 100))
    assert.is_false(ok)
    assert.matches("too many tasks wait inside each other", err)
  end)
end)

describe("Waiting for oneself", function()
  local rt
  before_each(function() rt = fake.new() end)

  it("raises: join of the task itself", function()
    local task
    task = rt:spawn(function() rt:sleep(0) rt:join(task) end)
    local ok, err = rt:join(task)
    assert.is_false(ok)
    assert.matches("tasks_spec.lua:%d+: a task cannot join itself", err)
  end)

  it("raises: a circle of joins", function()
    local tasks = {}
    for i = 1, 3 do tasks[i] = rt:spawn(function() rt:sleep(0) return rt:join(tasks[i % 3 + 1]) end) end
    local failed = 0
    for i = 1, 3 do
      if not rt:join(tasks[i]) then failed = failed + 1 end
    end
    assert.equal(1, failed)
  end)

  it("raises: a task below on the same stack", function()
    local below
    below = rt:spawn(function()
      rt:sleep(0)
      local _ = ("x"):gsub("x", function() rt:sleep(1) end)
      return "below"
    end)
    local above = rt:spawn(function()
      rt:sleep(0.5)
      local _ = ("x"):gsub("x", function() rt:join(below) end)
    end)
    local ok, err = rt:join(above)
    assert.is_false(ok)
    assert.matches("this would wait for ever", err)
    assert.same({ true, "below" }, { rt:join(below) })
  end)

  it("does not raise for a task below that can go on when we yield", function()
    local below = rt:spawn(function()
      rt:sleep(0)
      local _ = ("x"):gsub("x", function() rt:sleep(1) end)
      return "below"
    end)
    local above = rt:spawn(function()
      rt:sleep(0.5)
      return rt:join(below)
    end)
    assert.same({ true, true, "below" }, { rt:join(above) })
  end)

  it("raises when nobody is left who could go on", function()
    local lock = rt:lock()
    lock:acquire()
    local task = rt:spawn(function() lock:acquire() end)
    assert.has_error(function() rt:join(task) end)
    lock:release()
    assert.same({ true }, { rt:join(task) })
  end)
end)

describe("A lock", function()
  local rt, lock
  before_each(function()
    rt = fake.new()
    lock = rt:lock()
  end)

  it("is had by one at a time, in the order of asking", function()
    local order, inside = {}, 0
    local tasks = {}
    for i = 1, 10 do
      tasks[i] = rt:spawn(function()
        assert(lock:acquire())
        inside = inside + 1
        assert(inside == 1)
        order[#order + 1] = i
        rt:sleep(1)
        inside = inside - 1
        lock:release()
      end)
    end
    for i = 1, 10 do assert(rt:join(tasks[i])) end
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, order)
    assert.equal(10, rt:now())
  end)

  it("is not waited for beyond a deadline, and is not lost by that", function()
    assert(lock:acquire())
    local late = rt:spawn(function() return lock:acquire(rt:now() + 1) end)
    local patient = rt:spawn(function() return lock:acquire(rt:now() + 10) end)
    rt:sleep(2)
    lock:release()
    local ok, got, err = rt:join(late)
    assert.same({ true, nil, "DeadlineExceeded" }, { ok, got, err.code })
    assert.same({ true, true }, { rt:join(patient) })
    assert.equal(2, rt:now())
    assert(lock:acquire()) -- the one who had it has ended
  end)

  it("is let go when its task ends", function()
    local task = rt:spawn(function() lock:acquire() rt:sleep(1) error "x" end)
    assert.is_true(lock:acquire())
    assert.is_false((rt:join(task)))
  end)

  it("cannot be had twice, nor given back by nobody", function()
    assert.has_error(function() lock:release() end, "release: nobody has the lock")
    lock:acquire()
    assert.has_error(function() lock:acquire() end)
  end)

  it("below on the same stack is not waited for", function()
    local holder = rt:spawn(function()
      rt:sleep(0)
      lock:acquire()
      local _ = ("x"):gsub("x", function() rt:sleep(1) end)
      lock:release()
    end)
    local other = rt:spawn(function()
      rt:sleep(0.5)
      local _ = ("x"):gsub("x", function() lock:acquire() end)
    end)
    local ok, err = rt:join(other)
    assert.is_false(ok)
    assert.matches("would wait for ever", err)
    assert(rt:join(holder))
  end)
end)

-- A program of random tasks that sleep, spawn, join, lock, send and yield, from everywhere; nothing of it may be lost.
local function random_program(seed)
  local state = seed * 7919 + 17
  local function random(n)
    state = (state * 16807) % 2147483647
    return state % n + 1
  end
  local trace = {}
  local rt = fake.new { handler = function(_, runtime)
    runtime:wait(random(5) / 10)
    return { delay = random(5) / 10 }
  end }
  local locks = { rt:lock(), rt:lock() }
  local begun, ended = 0, 0
  local kinds = {}
  for place in pairs(places) do kinds[#kinds + 1] = place end
  table.sort(kinds)
  local function live(depth)
    begun = begun + 1
    local number = begun
    local children = {}
    for _ = 1, random(4) do
      local what = random(7)
      if what == 1 then
        rt:sleep(random(20) / 10)
      elseif what == 2 then
        assert(rt:send { body = "" })
      elseif what == 3 and depth < 4 then
        children[#children + 1] = rt:spawn(live, depth + 1)
      elseif what == 4 then
        local lock = locks[random(2)]
        local got = lock:acquire(rt:now() + random(10) / 10)
        if got then
          rt:sleep(random(5) / 10)
          lock:release()
        end
      elseif what == 5 then
        coroutine.yield()
      elseif what == 6 then
        places[kinds[random(#kinds)]](function() rt:sleep(random(10) / 10) end)
      else
        rt:sleep(0)
      end
      trace[#trace + 1] = number
    end
    local raised
    for _, child in ipairs(children) do
      local ok, err = rt:join(child)
      if not ok then raised = err end
    end
    ended = ended + 1
    if raised then error(raised, 0) end
    if random(20) == 1 then error { planned = true } end
  end
  local tasks = {}
  for i = 1, 4 do tasks[i] = rt:spawn(live, 1) end
  for i = 1, 4 do
    local ok, err = rt:join(tasks[i])
    if not ok and not (type(err) == "table" and err.planned) then error(("seed %d: %s"):format(seed, tostring(err))) end
  end
  rt:sleep(1000) -- children of those that raised
  return begun, ended, table.concat(trace, " ") .. (" at %.17g"):format(rt:now())
end

describe("Thousands of random programs", function()
  -- Under the sanitizers, and a collector that never rests, each takes a hundred times as long.
  local programs = os.getenv "FLAVOUR" == "asan" and 40 or 2000 * (tonumber(os.getenv "SCALE") or 1)

  it("end, and no task is lost", function()
    local all = 0
    for seed = 1, programs do
      local begun, ended = random_program(seed)
      assert.equal(begun, ended, "seed " .. seed)
      all = all + begun
    end
    assert.is_true(all > 5 * programs)
  end)

  it("run the same way each time", function()
    for seed = 1, programs / 40 do
      assert.same({ random_program(seed) }, { random_program(seed) })
    end
  end)
end)

describe("parallel", function()
  local rt
  before_each(function() rt = fake.new() end)

  it("gives the first result of each function, and the errors by their place", function()
    local values, errs = parallel.run(rt, {
      function() rt:sleep(3) return "a" end,
      function() rt:sleep(1) return nil, "refused" end,
      function() return false end,
    })
    assert.same({ "a", nil, false }, { unpack(values, 1, 3) })
    assert.same({ nil, "refused" }, { unpack(errs, 1, 2) })
    assert.equal(3, rt:now())
  end)

  it("gives no errors when there are none", function()
    assert.same({ { 1, 2 } }, { parallel.run(rt, { function() return 1 end, function() return 2 end }) })
    assert.same({ {} }, { parallel.run(rt, {}) })
  end)

  it("runs as many at a time as it may", function()
    local now, most, functions = 0, 0, {}
    for i = 1, 10 do
      functions[i] = function()
        now = now + 1
        most = math.max(most, now)
        rt:sleep(1)
        now = now - 1
        return i
      end
    end
    local values = parallel.run(rt, functions, { concurrency = 3 })
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, values)
    assert.same({ 3, 4 }, { most, rt:now() })
  end)

  it("raises after all have ended, with the task's place", function()
    local ended
    local ok, err = pcall(parallel.run, rt, {
      function() rt:sleep(1) error "boom" end,
      function() rt:sleep(2) ended = true end,
    })
    assert.is_false(ok)
    assert.matches("tasks_spec.lua:%d+: boom\n%(in function 1 of parallel%)\nstack traceback:", err)
    assert.is_true(ended)
    local value = {}
    ok, err = pcall(parallel.run, rt, { function() error(value) end })
    assert.same({ false, value }, { ok, err })
    assert.equal(value, err)
  end)

  it("runs one after the other where there are no tasks", function()
    local order = {}
    local values, errs = parallel.run({}, {
      function() order[1] = "first" return 1 end,
      function() order[2] = "second" return nil, "e" end,
    })
    assert.same({ { 1 }, { nil, "e" }, { "first", "second" } }, { values, errs, order })
  end)

  it("is a method of the client", function()
    rt = fake.new { handler = function(request) return { body = request.body, delay = 1 } end }
    local db = require("dynamodb").connect { region = "x", access_key_id = "a", secret_access_key = "s", runtime = rt }
    local functions = {}
    for i = 1, 3 do functions[i] = function() return db:call("ListTables", { Limit = i }) end end
    assert.same({ { { Limit = 1 }, { Limit = 2 }, { Limit = 3 } } }, { db:parallel(functions) })
    assert.equal(1, rt:now())
  end)

  it("refuses what cannot be run", function()
    assert.has_error(function() parallel.run(rt, { 1 }) end, "function 1 of parallel must be a function, not a number")
    assert.has_error(function() parallel.run(rt, {}, { concurency = 1 }) end)
    assert.has_error(function() parallel.run(rt, {}, { concurrency = 0 }) end)
  end)
end)

describe("Over real sockets", function()
  local rt, peer

  local function serve(...) peer = server.start(...) end
  before_each(function() rt = plain.new {} end)
  after_each(function()
    if rt then rt:close() end
    if peer then peer:stop() end
    rt, peer = nil, nil
  end)

  local function ask(fields) return rt:send(http.request(peer, fields)) end

  it("100 tasks take about as long as one", function()
    serve { server.answering(server.response "{}", 0.3) }
    local started, tasks = rt:now(), {}
    for i = 1, 100 do tasks[i] = rt:spawn(function() return assert(ask()).body, i end) end
    for i = 1, 100 do assert.same({ true, "{}", i }, { rt:join(tasks[i]) }) end
    local seconds = rt:now() - started
    assert.is_true(seconds >= 0.3 and seconds < 15, seconds .. " s") -- 30 s if one came after the other
  end)

  it("answers come to those who asked", function()
    serve { { { "read" }, { "await", "second" }, { "send", server.response "first" }, { "drain" } },
      { { "read" }, { "await", "third" }, { "send", server.response "second" }, { "drain" } },
      { { "read" }, { "send", server.response "third" }, { "drain" } } }
    local order, tasks = {}, {}
    for i = 1, 3 do
      tasks[i] = rt:spawn(function()
        local body = assert(ask()).body
        order[#order + 1] = body
        peer:let(body)
        return body
      end)
      repeat rt:sleep(0.01) until #peer:requests() >= i -- connections in this order
    end
    local bodies = {}
    for i = 1, 3 do bodies[i] = select(2, rt:join(tasks[i])) end
    assert.same({ "first", "second", "third" }, bodies)
    assert.same({ "third", "second", "first" }, order)
  end)

  for place, call in pairs(places) do
    it("requests inside of " .. place .. " are made at the same time", function()
      serve { server.answering(server.response "{}", 0.1) }
      local tasks = {}
      for i = 1, 5 do
        tasks[i] = rt:spawn(function()
          rt:sleep(0)
          call(function() assert(ask()) end)
        end)
      end
      for i = 1, 5 do assert.same({ true }, { rt:join(tasks[i]) }) end
      -- One after the other they would all have the same connection.
      assert.is_true(#peer:events "connection" >= 2)
    end)
  end

  it("a blocking call outside of tasks lets them go on", function()
    serve { { { "read" }, { "await", "other" }, { "send", server.response "{}" }, { "drain" } } }
    local ended
    rt:spawn(function()
      rt:sleep(0.02)
      ended = true
      peer:let "other"
    end)
    assert(ask())
    assert.is_true(ended)
  end)

  it("sleeping costs no CPU", function()
    collectgarbage() -- what earlier specs have left costs some, too
    local busy, tasks = process.cpu(), {}
    for i = 1, 10 do tasks[i] = rt:spawn(function() rt:sleep(0.03 * i) end) end
    for i = 1, 10 do assert(rt:join(tasks[i])) end
    assert.is_true(process.cpu() - busy < 0.1)
  end)

  it("closing ends what waits", function()
    serve { { { "read" }, { "stall" } } }
    local answer, failure
    local task = rt:spawn(function()
      answer, failure = ask()
      return "went on"
    end)
    local _, inside = rt:join(rt:spawn(function()
      rt:sleep(0.05)
      rt:close()
      return "closed"
    end))
    assert.equal("closed", inside)
    local ok, err = rt:join(task)
    assert.same({ false, "Cancelled" }, { ok, err.code })
    assert.same({}, { answer, failure })
  end)

  it("a request on the stack of the task that closes fails", function()
    serve { { { "read" }, { "stall" } } }
    rt:spawn(function()
      repeat rt:sleep(0.01) until #peer:requests() > 0
      rt:close()
    end)
    local answer, err = ask()
    assert.same({ nil, "ConnectionError", true }, { answer, err.code, err.sent })
  end)

  it("a runtime that nobody has any more takes its requests with it", function()
    serve { { { "read" }, { "drain" } } }
    do
      local forgotten = plain.new {}
      forgotten:spawn(function() forgotten:send(http.request(peer)) end)
      repeat forgotten:sleep(0.01) until #peer:requests() > 0
    end
    collectgarbage()
    collectgarbage()
    assert.truthy(peer:await("eof", 1))
  end)

  it("in a forked child the parent's tasks do not go on, and new ones do", function()
    serve { { { "read" }, { "await", "child" }, { "send", server.response "{}" }, { "drain" } },
      server.answering(server.response "{}") }
    local went_on = process.temporary()
    local task = rt:spawn(function()
      local answer = ask()
      local file = assert(io.open(went_on, "ab"))
      file:write(answer and "answered;" or "failed;")
      file:close()
    end)
    local sleeper = rt:spawn(function()
      rt:sleep(0.5)
      local file = assert(io.open(went_on, "ab"))
      file:write "slept;"
      file:close()
    end)
    repeat rt:sleep(0.01) until #peer:requests() > 0
    local child = process.fork(function()
      local answer = assert(ask())
      local ok, err = rt:join(task)
      local slept = rt:join(sleeper)
      local fresh = rt:spawn(function() return assert(ask()).status end)
      return table.concat({ answer.status, tostring(ok), err.code, tostring(slept), select(2, rt:join(fresh)) }, " ")
    end)
    assert.equal(0, child:wait(60))
    assert.equal("200 false Cancelled false 200", child:output())
    peer:let "child"
    assert.same({ true }, { rt:join(task) })
    assert.same({ true }, { rt:join(sleeper) })
    local what, once = process.read(went_on), { ["slept;answered;"] = true, ["answered;slept;"] = true }
    assert.is_true(once[what], what)
  end)

  it("a task that forks goes on in both processes", function()
    serve { server.answering(server.response "{}", 0.02) }
    local others = 0
    local other = rt:spawn(function() for _ = 1, 5 do rt:sleep(0.01) end others = others + 1 end)
    local ok, child = rt:join(rt:spawn(function()
      rt:sleep(0.005)
      return process.fork(function()
        rt:sleep(0.1)
        return ("%d %d"):format(assert(ask()).status, others)
      end)
    end))
    assert.is_true(ok)
    assert.equal(0, child:wait(60))
    assert.equal("200 0", child:output())
    rt:join(other)
    assert.equal(1, others)
  end)
end)
