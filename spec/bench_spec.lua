--- The programs that measure are run only by hand: that they still fit the library is seen here. Times mean nothing.
local process = require "spec.support.process"

describe("bench/", function()
  for _, name in ipairs { "marshal", "unmarshal", "request" } do
    it(name .. ".lua runs, and finds that its contestants agree", function()
      assert(os.execute("flock build make -s build/bench/server")) -- the specs of another Lua make it, too
      local child = process.start {
        process.lua, "bench/" .. name .. ".lua", env = { BENCH_ROUNDS = "1", BENCH_SAMPLE = "1" },
      }
      assert.equal(0, child:wait(60), process.read(child.stderr))
    end)
  end
end)
