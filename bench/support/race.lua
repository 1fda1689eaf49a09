--- Contestants that do the same work, timed side by side. The machine is shared and noisy, so nothing is compared with
--- another run's time: in every round each contestant runs once, and what counts is the median of same-round ratios.
---
---   race.run { title = "unmarshal, 1 KB", bytes = 1025, count = 300,
---     { "ours", function(n) for _ = 1, n do … end end },
---     { "theirs", function(n) … end } }
---
--- The ratio is a contestant's CPU time over that of the first. Each has its own loop, lest LuaJIT compile one for all.
--- BENCH_ROUNDS (11) and BENCH_SAMPLE (milliseconds of CPU time of one round, 30) change how long it takes; `sample`
--- multiplies the latter for what is noisier than others. A contestant that runs in another process has a `clock`: a
--- function that gives the CPU seconds its n calls took.
--- `count` is for counting instructions (bench/instructions.sh): a number of calls that is enough to leave warming up
--- behind. BENCH_LIST names the contestants; BENCH_ONLY runs one of them BENCH_COUNT × count times, and times nothing.
local clock = os.clock -- CPU time of this process

local race = {}

local rounds = tonumber(os.getenv "BENCH_ROUNDS" or 11)
local sample = tonumber(os.getenv "BENCH_SAMPLE" or 30) / 1000

local function median(list)
  table.sort(list)
  local middle = math.floor(#list / 2)
  return #list % 2 == 1 and list[middle + 1] or (list[middle] + list[middle + 1]) / 2
end

--- CPU seconds of one call. What others left behind is collected first, so that nobody pays for it; what the contestant
--- leaves behind while it runs it pays for itself, as it would in a program.
local function time(contestant, n)
  collectgarbage()
  collectgarbage()
  if contestant.clock then return contestant.clock(n) / n end
  local start = clock()
  contestant[2](n)
  return (clock() - start) / n
end

--- How many calls take that long.
local function calibrate(contestant, seconds)
  local n = 1
  while true do
    local spent = time(contestant, n) * n
    if spent >= seconds / 4 then return math.max(1, math.ceil(n * seconds / spent)) end
    n = n * 2
  end
end

local function listed(contestants)
  if os.getenv "BENCH_LIST" then
    for _, contestant in ipairs(contestants) do
      if contestants.count then print(contestants.title .. ": " .. contestant[1], contestants.count) end
    end
    return true
  end
  local only = os.getenv "BENCH_ONLY"
  if not only then return false end
  for _, contestant in ipairs(contestants) do
    if only == contestants.title .. ": " .. contestant[1] then
      contestant[2](contestants.count * tonumber(os.getenv "BENCH_COUNT"))
    end
  end
  return true
end

--- Is a race of this title to be run? Not when another's instructions are counted: spares making its payload.
---@param title string
---@return boolean
function race.wants(title)
  local only = os.getenv "BENCH_ONLY"
  return not only or only:sub(1, #title + 1) == title .. ":"
end

--- Times the contestants and prints a table.
---@param contestants table    { name, function(n) }, and `title`, `bytes` (of one call), `count`, `sample`
function race.run(contestants)
  if listed(contestants) then return end
  local times, ratios, calls = {}, {}, {}
  local seconds = sample * (contestants.sample or 1)
  for i, contestant in ipairs(contestants) do
    times[i], ratios[i], calls[i] = {}, {}, calibrate(contestant, seconds)
  end
  for round = 1, rounds do
    for turn = 1, #contestants do -- each round begins with another one
      local i = (round + turn) % #contestants + 1
      times[i][round] = time(contestants[i], calls[i])
    end
    for i in ipairs(contestants) do ratios[i][round] = times[i][round] / times[1][round] end
  end
  local title = contestants.title
  if contestants.bytes then title = ("%s (%d bytes)"):format(title, contestants.bytes) end
  print(("%-48s %10s %8s %8s  %s"):format(title, "us/call", "MB/s", "ratio", "min-max"))
  for i, contestant in ipairs(contestants) do
    local each, ratio = median(times[i]), median(ratios[i])
    local rate = contestants.bytes and ("%.0f"):format(contestants.bytes / each / 1e6) or ""
    local spread = i == 1 and "" or ("%.2f-%.2f"):format(ratios[i][1], ratios[i][rounds])
    print(("  %-46s %10.2f %8s %8.2f  %s"):format(contestant[1], each * 1e6, rate, ratio, spread))
  end
end

return race
