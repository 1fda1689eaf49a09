---@meta dynamodb.system
---
--- What is needed of the operating system: for credentials, programs run without a shell and files that only their
--- owner can read; for migrations, files that are there after a crash, a lock between processes, directories, and
--- Ctrl-C. It has its own shared object; it is loaded when it is needed. What the system refuses is returned as
--- `nil, message`.

---@class dynamodb.system
local system = {}

--- Starts a program, its standard input empty, in a process group of its own.
---@param words string[]    the program, searched in PATH, and its arguments
---@return dynamodb.Child?
---@return string? message
function system.spawn(words) end

--- Writes a file whole or not at all, readable for its owner alone.
---@param path string
---@param bytes string
---@return true?
---@return string? message
function system.write_private(path, bytes) end

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
--- beside it first, under the name with ".new".
---@param path string
---@param bytes string
---@return true?
---@return string? message
function system.replace(path, bytes) end

--- Makes a directory; one that is there already is no failure.
---@param path string
---@return true?
---@return string? message
function system.mkdir(path) end

---@class dynamodb.Interrupts
--- SIGINT and SIGTERM as something that a program asks for. The second one of a kind ends the process.
local interrupts = {}

--- Takes both signals from now on. Raises if somebody in this process has them already.
---@return dynamodb.Interrupts
function system.interrupts() end

--- Which of them came last.
---@return "SIGINT"|"SIGTERM"|nil
function interrupts:raised() end

--- Gives them back; the collector does the same.
function interrupts:close() end

--- How wide a terminal is.
---@param descriptor integer    1: standard output, 2: standard error
---@return integer? columns     nil if it is no terminal; 80 if it does not say
function system.terminal(descriptor) end

return system
