--- Runs a job of the library so that it can be watched, and ended with Ctrl-C.
local exit = require "dynamodb.cli.support.exit"
local report = require "dynamodb.cli.support.report"
local system = require "dynamodb.system"

local job = {}

-- Behind the terminal's ^C, at once: it may be long until anybody asks for signals.
local NOTICE = "\ndynamodb: it ends where it can go on; Ctrl-C again ends it at once\n"

--- Writes what became of it.
local function write(session, told, err)
  if session.format == "table" then return session:write(report.text(told)) end
  session:write(report.json(told, err))
end

--- The exit code of a job that is not done.
---@param session dynamodb.cli.Session
---@param told dynamodb.JobReport
---@param err dynamodb.Error
---@param signal string?
---@return integer
local function code_of(session, told, err, signal)
  if told.stopped == "stopped" then
    session:tell(err.message)
    session:tell(told.checkpoint and "the same command goes on from there"
      or "without --checkpoint the same command begins anew")
    return exit.SIGNALS[signal]
  end
  if err.cause ~= nil then
    session:tell(tostring(err.cause))
    if told.checkpoint then session:tell("the same command goes on where this one ended") end
    return exit.FAILURE
  end
  session:tell(err.message)
  return exit.LEFT
end

--- Runs it to its end, or to the first signal. The second one ends the program.
---@param session dynamodb.cli.Session
---@param f fun(options: table): dynamodb.JobReport?, dynamodb.Error?
---@param options table
---@return integer code
---@return dynamodb.JobReport?    if all of it was done
function job.run(session, f, options)
  local interrupts = system.interrupts(session.progress.columns and NOTICE or nil)
  function options.stop() return interrupts:raised() ~= nil end
  options.grace = session.arguments.grace or options.grace
  function options.progress(p) session.progress:show(p) end
  local done, err = f(options)
  local signal = interrupts:raised()
  interrupts:close()
  session.progress:finish()
  local told = done or err.report
  if not told then error(err, 0) end
  write(session, told, err)
  if done then return exit.DONE, done end
  return code_of(session, told, err, signal)
end

return job
