---@meta dynamodb.system
---
--- What credentials need of the operating system: programs run without a shell, and files that only their owner can
--- read. It has its own shared object; it is loaded when it is needed.

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

return system
