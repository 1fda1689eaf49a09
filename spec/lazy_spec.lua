--- Rooms that are loaded at their first use.
local lazy = require "dynamodb.lazy"

describe("a lazy room", function()
  after_each(function()
    package.loaded["spec.a_room"], package.preload["spec.a_room"], _G.ngx = nil, nil, nil
  end)

  local function count_loads()
    local loads = 0
    package.preload["spec.a_room"] = function()
      loads = loads + 1
      return { answer = function() return 42 end }
    end
    return function() return loads end
  end

  it("is loaded when one of its functions is asked for, once", function()
    local loads = count_loads()
    local room = lazy "spec.a_room"
    assert.equal(0, loads())
    assert.equal(42, room.answer())
    assert.equal(42, room.answer())
    assert.equal(1, loads())
  end)

  it("is loaded at once in nginx, whose workers may not be allowed to read it later", function()
    local loads = count_loads()
    _G.ngx = {}
    lazy "spec.a_room"
    assert.equal(1, loads())
  end)
end)

describe("require 'dynamodb'", function()
  it("does not load what a program that gets an item never uses", function()
    local script = [[
      local runtime = require("dynamodb.runtime.fake").new { answers = { { status = 200, body = "{}" } } }
      local db = require("dynamodb").connect {
        region = "eu-west-1", runtime = runtime, access_key_id = "AKIDEXAMPLE", secret_access_key = "secret",
      }
      local _, err = db:table("t", { partition = "pk" }):get { pk = "a" }
      assert(not err, err)
      for name in pairs(package.loaded) do
        for _, room in ipairs { "admin", "batch", "explain", "migrate", "partiql", "streams", "transaction" } do
          assert(not name:find("^dynamodb%." .. room), name)
        end
      end
      io.write "done"]]
    local file = os.tmpname()
    local out = assert(io.open(file, "w"))
    out:write(script)
    out:close()
    local lua = os.getenv "DYNAMODB_TEST_LUA"
    local pipe = assert(io.popen((lua == "luajit" and lua or "lua" .. lua) .. " " .. file .. " 2>&1"))
    assert.equal("done", pipe:read "*a")
    pipe:close()
    os.remove(file)
  end)
end)
