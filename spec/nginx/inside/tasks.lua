-- Run inside nginx by spec/nginx/send_spec.lua: tasks are light threads, locks are semaphores.
local http = require "spec.support.http"
local runtimes = require "dynamodb.runtime.nginx"
local server = require "spec.support.server"

local runtime

before_each(function() runtime = runtimes.new {} end)

describe("a task", function()
  it("runs at once, until it waits, and goes on while others wait", function()
    local seen = {}
    local function note(what) seen[#seen + 1] = what end
    local task = runtime:spawn(function(a, b)
      note(a)
      runtime:sleep(0.02)
      note(b)
      return 1, nil, 3
    end, "begun", "gone on")
    note "spawned"
    runtime:sleep(0.05)
    note "slept"
    assert.same({ "begun", "spawned", "gone on", "slept" }, seen)
    assert.same({ n = 4, true, 1, nil, 3 }, { n = select("#", runtime:join(task)), runtime:join(task) })
  end)

  it("gives what it raised, and where, to everybody who joins it", function()
    local raised = {}
    local task = runtime:spawn(function()
      runtime:sleep(0.01)
      error(raised)
    end)
    local other = runtime:spawn(function() return runtime:join(task) end)
    local ok, value, traceback = runtime:join(task)
    assert.is_false(ok)
    assert.equal(raised, value)
    assert.matches("inside/tasks.lua", traceback)
    local joined
    ok, joined, value = runtime:join(other)
    assert.is_true(ok)
    assert.is_false(joined)
    assert.equal(raised, value)
  end)

  it("may be joined by a task that did not begin it, while it runs and afterwards", function()
    local slow = runtime:spawn(function()
      runtime:sleep(0.03)
      return "slow"
    end)
    local tasks = {}
    for i = 1, 3 do tasks[i] = runtime:spawn(function() return select(2, runtime:join(slow)) end) end
    for i = 1, 3 do assert.same({ true, "slow" }, { runtime:join(tasks[i]) }) end
    assert.same({ true, "slow" }, { runtime:join(slow) })
  end)

  it("is waited for together with others until the first of them ends", function()
    local ended = {}
    local function sleeper(name, seconds)
      return runtime:spawn(function()
        runtime:sleep(seconds)
        ended[#ended + 1] = name
      end)
    end
    local slow, fast = sleeper("slow", 0.1), sleeper("fast", 0.01)
    runtime:join_any { slow, fast }
    assert.same({ "fast" }, ended)
    runtime:join_any { slow, fast } -- one has ended already
    assert.same({ "fast" }, ended)
    runtime:join_any { slow }
    assert.same({ "fast", "slow" }, ended)
  end)

  it("cannot join itself, and nothing else is a task", function()
    local task
    task = runtime:spawn(function()
      runtime:sleep(0.01)
      return pcall(runtime.join, runtime, task)
    end)
    local _, ok, message = runtime:join(task)
    assert.is_false(ok)
    assert.matches("cannot join itself", message)
    assert.error_matches(function() runtime:join {} end, "not a task")
    assert.error_matches(function() runtime:spawn "f" end, "function of a task")
  end)

  it("prints its state", function()
    local task = runtime:spawn(runtime.sleep, runtime, 0.01)
    assert.equal("dynamodb.Task (running)", tostring(task))
    runtime:join(task)
    assert.equal("dynamodb.Task (ended)", tostring(task))
    task = runtime:spawn(error, "x")
    assert.equal("dynamodb.Task (failed)", tostring(task))
  end)

  it("is not begun for a page that nobody may want", function()
    local fetched = 0
    local db = require("dynamodb").connect {
      region = "us-east-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret",
    }
    db.given_runtime = setmetatable({ send = function()
      fetched = fetched + 1
      return { status = 200, head = "HTTP/1.1 200 OK\r\n\r\n",
        body = '{"Items":[{"pk":{"S":"a"}}],"Count":1,"ScannedCount":1,"LastEvaluatedKey":{"pk":{"S":"a"}}}' }
    end }, { __index = runtime })
    assert(db:table("t", { partition = "pk" }):scan():next())
    assert.equal(1, fetched)
  end)

  it("can be ended by who has started it, and its request with it", function()
    local peer = server.start { { { "read" }, { "drain" } } }
    finally(function() peer:stop() end)
    local task = runtime:spawn(runtime.send, runtime, http.request(peer))
    local other = runtime:spawn(function() return runtime:join(task) end)
    repeat runtime:sleep(0.01) until #peer:requests() == 1
    runtime:cancel(task)
    assert(peer:await("eof", 1))
    local ok, err = runtime:join(task)
    assert.is_false(ok)
    assert.equal("Cancelled", err.code)
    assert.is_false((select(2, runtime:join(other))))
    runtime:join_any { task }
    runtime:cancel(task)
  end)

  it("is not ended by another, nor when it has ended", function()
    local task = runtime:spawn(function()
      runtime:sleep(0.02)
      return "its own"
    end)
    runtime:join(runtime:spawn(runtime.cancel, runtime, task))
    assert.same({ true, "its own" }, { runtime:join(task) })
    runtime:cancel(task)
    assert.same({ true, "its own" }, { runtime:join(task) })
  end)

  it("that reads a segment ahead is ended with its scan", function()
    local peer = server.start {
      server.answering(server.response '{"Items":[{"pk":{"S":"a"}}],"Count":1,"ScannedCount":1}'),
      { { "read" }, { "drain" } },
    }
    local db = require("dynamodb").connect {
      region = "us-east-1", access_key_id = "AKIDEXAMPLE", secret_access_key = "secret",
      endpoint = ("http://127.0.0.1:%d"):format(peer.port), idle_timeout = 100, timeout = 100,
    }
    finally(function()
      db:close()
      peer:stop()
    end)
    local scan = db:table("t", { partition = "pk" }):scan { segments = 3 }
    assert(scan:next())
    repeat runtime:sleep(0.01) until #peer:requests() == 3
    scan:close()
    assert(peer:await("eof", 2))
  end)

  it("may wait within a coroutine of the program's own", function()
    local values = {}
    for value in coroutine.wrap(function()
      for i = 1, 3 do
        runtime:sleep(0.001)
        coroutine.yield(i)
      end
    end) do values[#values + 1] = value end
    assert.same({ 1, 2, 3 }, values)
  end)
end)

describe("a lock", function()
  it("is one task's at a time", function()
    local lock, inside, most, tasks = runtime:lock(), 0, 0, {}
    for i = 1, 5 do
      tasks[i] = runtime:spawn(function()
        assert.is_true(lock:acquire())
        inside = inside + 1
        most = math.max(most, inside)
        runtime:sleep(0.005)
        inside = inside - 1
        lock:release()
        return i
      end)
    end
    for i = 1, 5 do assert.same({ true, i }, { runtime:join(tasks[i]) }) end
    assert.equal(1, most)
  end)

  it("is not waited for beyond the deadline", function()
    local lock = runtime:lock()
    lock:acquire()
    local task = runtime:spawn(function() return lock:acquire(runtime:now() + 0.03) end)
    local _, ok, err = runtime:join(task)
    assert.is_nil(ok)
    assert.is_true(err:is "DeadlineExceeded")
    lock:release()
    assert.is_true(lock:acquire(runtime:now() + 1))
  end)

  it("whose owner is gone without a word is free again at that one's deadline", function()
    local lock = runtime:lock()
    local thread = ngx.thread.spawn(function()
      lock:acquire(runtime:now() + 0.05)
      ngx.sleep(60)
    end)
    ngx.thread.kill(thread)
    assert.is_true(lock:acquire(runtime:now() + 5))
    lock:release()
  end)

  it("that has expired is not taken from its new owner", function()
    local lock = runtime:lock()
    local late = runtime:spawn(function()
      lock:acquire(runtime:now() + 0.01)
      runtime:sleep(0.05)
      lock:release()
    end)
    assert.is_true(lock:acquire(runtime:now() + 5))
    runtime:join(late)
    local task = runtime:spawn(function() return lock:acquire(runtime:now() + 0.01) end)
    assert.is_nil((select(2, runtime:join(task))))
  end)

  it("that has a lease is free again when that is over, and who had it may let go of it late", function()
    local lock = runtime:lock()
    local late = runtime:spawn(function()
      lock:acquire(runtime:now() + 60, 0.01)
      runtime:sleep(0.05)
      lock:release()
    end)
    assert.is_true(lock:acquire(runtime:now() + 5, 60))
    lock:release()
    assert.is_true((runtime:join(late)))
  end)

  it("cannot be let go of by nobody", function()
    assert.error_matches(function() runtime:lock():release() end, "nobody has the lock")
  end)
end)
