--- Cold and warm: functions started BENCH_STARTS (21) times by bench/lambda/api.c, each given 2,000 events. Of the
--- times from exec to a request the lowest and, in CPU time, the median are told, as the machine has other work too; of
--- the events the median of the starts' medians. The sizes of what is deployed are told as well. Debian's libcurl loads
--- much that Amazon Linux's does not; beside it one that is built as Amazon's (tools/libcurl_minimal.sh).
local starts = tonumber(os.getenv "BENCH_STARTS" or 21)

local ENVIRONMENT = "LAMBDA_TASK_ROOT=bench/lambda/function AWS_LAMBDA_FUNCTION_NAME=f AWS_REGION=eu-west-1 "
  .. "AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY=secret"

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

---@param title string
---@param handler string
---@param command string
---@param times integer
---@param more string?      of the environment
local function measure(title, handler, command, times, more)
  local numbers = { {}, {}, {}, {}, {}, {} }
  for _ = 1, times do
    local line = ("_HANDLER=app.%s %s %s build/bench/lambda_api 2000 %s"):format(handler, ENVIRONMENT, more or "",
      command)
    local pipe = assert(io.popen(line))
    for i = 1, #numbers do numbers[i][#numbers[i] + 1] = assert(pipe:read "n", title .. " failed") end
    pipe:close()
  end
  local function cold(at)
    local cpu = median(numbers[at + 1])
    return cpu > 0 and ("%.1f (%.1f)"):format(math.min(table.unpack(numbers[at])), cpu) or "-"
  end
  print(("%-30s %18s %18s %14.0f %8.1f"):format(title, cold(1), cold(3), median(numbers[5]), median(numbers[6]) / 1024))
end

local function size_of(path)
  local file <close> = assert(io.open(path))
  return file:seek "end" / 1024
end

print(("bootstrap %.0f KB, bootstrap.zip %.0f KB"):format(size_of "build/lambda/bootstrap",
  size_of "build/lambda/bootstrap.zip"))
print(("%-30s %18s %18s %14s %8s"):format("", "next, ms (CPU)", "call, ms (CPU)", "an event, us", "RSS, MB"))
measure("bootstrap, does nothing", "bare", "build/lambda/bootstrap", starts)
measure("bootstrap, getUser", "get_user", "build/lambda/bootstrap", starts)
local like_al2023 = io.open "cache/libcurl-minimal/lib/libcurl.so.4"
if like_al2023 then
  like_al2023:close()
  measure("  with the libcurl of al2023", "get_user", "build/lambda/bootstrap", starts,
    "LD_LIBRARY_PATH=cache/libcurl-minimal/lib")
end
if os.getenv "BENCH_NODE" == "1" then
  measure("Node.js, does nothing", "bare", "node bench/lambda/function/app.mjs bare", math.ceil(starts / 4))
  measure("Node.js, SDK, getUser", "get_user", "node bench/lambda/function/app.mjs get_user", math.ceil(starts / 4))
end
