---@meta dynamodb.system
---
--- What is needed of the operating system: for credentials, programs run without a shell; for the runtime of Lambda, a
--- connection, the environment, SIGTERM and worker processes; for jobs and checkpoints, files that are there after a
--- crash, a lock between processes, directories, and Ctrl-C. It has its own shared object; it is loaded when it is
--- needed. What the system refuses is returned as `nil, message`.

---@class dynamodb.system
local system = {}

--- Starts a program, its standard input empty, in a process group of its own.
---@param words string[]    the program, searched in PATH, and its arguments
---@return dynamodb.Child?
---@return string? message
function system.spawn(words) end

---@class dynamodb.Child
--- A program that runs. What is collected is ended.
local child = {}

---@class dynamodb.ChildResult
---@field stdout string
---@field stderr string
---@field exit integer?        its code
---@field signal integer?      that ended it
---@field too_much boolean     it wrote more than 256 KB and was ended

--- What it has written, once it is over. It never waits.
---@return dynamodb.ChildResult?    nil while it runs
function child:poll() end

--- Ends it and its children.
function child:close() end

--- A TCP connection that blocks: neither proxy nor TLS.
---@param host string
---@param port string
---@return dynamodb.Socket?
---@return string? message
function system.connect(host, port) end

---@class dynamodb.Socket
--- An open connection. What is collected is closed.
local socket = {}

--- Sends all of it.
---@param bytes string
---@return true?
---@return string? message
function socket:send(bytes) end

--- Waits for bytes, as long as it takes.
---@param until_stopped boolean?    does SIGTERM, which `system.watch` waits for, end the wait?
---@return string? bytes
---@return string? message          "closed" at the end of the stream, "stopped" after SIGTERM
function socket:receive(until_stopped) end

--- Is it open, and has nothing come that was not asked for?
---@return boolean
function socket:is_idle() end

--- Closes it; further calls raise.
function socket:close() end

--- Sets a variable of the environment, or removes it. For the few names that the library sets: there is room for 16,
--- and none of them keeps the values that it had.
---@param name string
---@param value string?
function system.setenv(name, value) end

--- Seconds on the clock that `db:now()` shows, too.
---@return number
function system.now() end

--- Seconds since 1970, with their fraction.
---@return number
function system.time() end

--- Waits; a signal ends it early.
---@param seconds number
function system.sleep(seconds) end

--- The working directory.
---@return string?
---@return string? message
function system.directory() end

--- From now on this process, and those that it forks, write one after the other: what one of them writes is not mixed
--- with what others do.
function system.take_turns() end

--- Writes all of it to a descriptor, past Lua's buffers.
---@param descriptor integer
---@param bytes string
---@return true?
---@return string? message
function system.write(descriptor, bytes) end

--- From now on SIGTERM is noticed, and does not end the process. To be called again in a forked process.
---@param children boolean?    is the end of child processes noticed as well?
function system.watch(children) end

--- Has SIGTERM come?
---@return boolean
function system.stopped() end

--- Copies the process; the copy ends with its original.
---@return integer? pid    0 in the copy
---@return string? message
function system.fork() end

--- Waits for the end of a child process; needs `system.watch(true)`.
---@return integer? pid     nil after SIGTERM, or if there is none
---@return integer? code    128 and the signal's number after a signal
function system.wait() end

--- Asks child processes to end, all at the same time, and waits until they have.
---@param ... integer    their pids
function system.terminate(...) end

---@class dynamodb.AppendFile
--- A file that only grows, and that no other process can open in this way until it is closed.
local file = {}

--- Opens a file; it is made if it is not there.
---@param path string
---@return dynamodb.AppendFile?
---@return string? message    "another process has it" if that is so
function system.append(path) end

--- Writes at the end: all of it, or the file is as it was.
---@param bytes string
---@return true?
---@return string? message
function file:append(bytes) end

--- Waits until what was written is on the disk.
---@return true?
---@return string? message
function file:sync() end

--- Cuts off what stands behind an offset.
---@param size integer
---@return true?
---@return string? message
function file:truncate(size) end

--- Reads some of it.
---@param offset integer    from 0
---@param count integer     bytes, up to 16 MB; fewer are returned at the end
---@return string?
---@return string? message
function file:read(offset, count) end

--- Its length in bytes.
---@return integer
function file:size() end

--- Closes it; the collector does the same. Closing twice is allowed.
function file:close() end

--- Replaces a file's content as a whole: after a crash the old one is there, or the new one. The new one is written
--- beside it first, under the name with some letters behind it, readable for its owner alone. Several may do so at the
--- same time.
---@param path string
---@param bytes string
---@return true?
---@return string? message
function system.replace(path, bytes) end

--- Gives a file another name, in place of what has that name. After a crash it still has it.
---@param path string
---@param other string
---@return true?
---@return string? message
function system.rename(path, other) end

--- Removes a file; that there is none is no failure. After a crash it is still gone.
---@param path string
---@return true?
---@return string? message
function system.remove(path) end

--- Makes a directory; one that is there already is no failure.
---@param path string
---@return true?
---@return string? message
function system.mkdir(path) end

---@class dynamodb.Interrupts
--- SIGINT and SIGTERM as something that a program asks for. The second one ends the process.
local interrupts = {}

--- Takes both signals from now on. Raises if somebody in this process has them already.
---@param notice string?    is written to standard error at once when the first one comes; up to 200 bytes
---@return dynamodb.Interrupts
function system.interrupts(notice) end

--- Which of them came last.
---@return "SIGINT"|"SIGTERM"|nil
function interrupts:raised() end

--- Gives them back; the collector does the same.
function interrupts:close() end

--- SIGINT ends the process from now on, also where the interpreter makes an error of it, which anything might catch.
function system.leave_interrupts() end

--- How wide a terminal is.
---@param descriptor integer    1: standard output, 2: standard error
---@return integer? columns     nil if it is no terminal; 80 if it does not say
function system.terminal(descriptor) end

return system
