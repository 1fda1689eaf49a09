-- A transaction whose replies are lost, down to the socket.
local dynamodb = require "dynamodb"
local server = require "spec.support.server"

describe("a transaction whose replies are lost", function()
  it("is sent again with the same bytes, token and all", function()
    local peer = server.start {
      { { "read" }, { "close" } },
      { { "read" }, { "send", server.response("{}", { status = 500 }) }, { "close" } },
      { { "read" }, { "send", server.response("{}", { framing = "Content-Length: 10" }) }, { "close" } },
      { { "read" }, { "send", server.response "{}" }, { "again" } },
    }
    local db = dynamodb.connect {
      endpoint = ("http://%s:%d"):format(peer.host, peer.port), region = "us-east-1",
      access_key_id = "AK", secret_access_key = "SK",
    }
    finally(function()
      db:close()
      peer:stop()
    end)
    local items = db:table("t", { partition = "pk" })
    local ok, err, meta = db:transact(function(tx)
      tx:update(items, { pk = "a" }, { add = { n = 1 }, append = { log = { "x" } } })
      tx:put(items, { pk = "b", c = 1, d = 2, e = 3, f = 4 })
    end)
    assert.is_true(ok, tostring(err))
    assert.equal(4, meta.attempts)
    local requests = peer:requests()
    assert.equal(4, #requests)
    for i = 2, 4 do assert.equal(requests[1].body, requests[i].body) end
    assert.matches('"ClientRequestToken":"%x+%-%x+%-4%x+%-%x+%-%x+"', requests[1].body)
  end)
end)
