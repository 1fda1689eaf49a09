--- Several functions at once: each is a task of the runtime; without tasks, they run one after the other.
local usage = require "dynamodb.usage"

local parallel = {}

local OPTIONS = { concurrency = true }

---@param functions table
---@param options table
---@return integer count         of the functions
---@return integer concurrency
local function check(functions, options)
  usage.check_type(functions, "table", "the functions of parallel")
  usage.check_type(options, "table", "the options of parallel")
  usage.check_names(options, OPTIONS, "option of parallel")
  local count = 0
  for _ in pairs(functions) do count = count + 1 end
  for i = 1, count do usage.check_type(functions[i], "function", ("function %d of parallel"):format(i)) end
  local concurrency = options.concurrency
  if concurrency == nil then return count, count end
  if type(concurrency) ~= "number" or concurrency < 1 or concurrency % 1 ~= 0 then
    usage.raise("parallel: concurrency must be a positive integer")
  end
  return count, math.min(count, concurrency)
end

--- What was raised, kept together with where.
local function caught(value)
  return { value = value, traceback = debug.traceback("", 2) }
end

--- Takes one function after the other, until none is left.
local function work(job)
  while job.next <= job.count do
    local i = job.next
    job.next = i + 1
    local ok, value, err = xpcall(job.functions[i], caught)
    if not ok then
      job.raised[i] = value
    else
      job.values[i] = value
      if err ~= nil then
        job.errs = job.errs or {}
        job.errs[i] = err
      end
    end
  end
end

--- Raises what the first of the functions raised that did.
local function raise_first(job)
  for i = 1, job.count do
    local raised = job.raised[i]
    if type(raised) ~= "table" then raised = raised and { value = raised, traceback = "" } end
    if raised then
      local value = raised.value
      if type(value) == "string" then
        value = ("%s\n(in function %d of parallel)%s"):format(value, i, raised.traceback)
      end
      error(value, 0)
    end
  end
end

--- Runs functions at the same time, and waits for all of them.
---@param runtime table
---@param functions (fun(): any, any)[]
---@param options table?    concurrency: how many run at a time; all of them by default
---@return table values     the first result of each
---@return table? errs      nil when no function returned a second result; else errs[i] is what functions[i] returned
function parallel.run(runtime, functions, options)
  local count, concurrency = check(functions, options or {})
  local job = { functions = functions, count = count, next = 1, values = {}, raised = {} }
  if runtime.spawn then
    local workers = {}
    for i = 1, concurrency do workers[i] = runtime:spawn(work, job) end
    for _, worker in ipairs(workers) do
      local ok, err = runtime:join(worker)
      if not ok then error(err, 0) end
    end
  else
    work(job)
  end
  raise_first(job)
  return job.values, job.errs
end

return parallel
