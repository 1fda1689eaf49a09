--- Busted helper of `make asan`: without a pause the collector goes through all of the heap at each allocation that
--- asks it to, so that what is freed too early is found at once.
pcall(collectgarbage, "incremental") -- 5.4 has it
collectgarbage("setpause", 0)
collectgarbage("setstepmul", 1000)
