--- Data migrations and what belongs to them: items changed in place, exported, imported, copied, compared, swept away.
--- The module can be called: `migrate { table = users, map = f, … }` is `migrate.run`.
---
--- All of these are jobs. A job with a `checkpoint` that is stopped, fails or is killed goes on where it was when it is
--- called again with the same options. Each gives a report when all of it is done, else nil and an error with the code
--- Incomplete, with `report` and, if a failure ended it, `cause`. What may pass (throttling, lost connections) is
--- waited for. A checkpoint belongs to the tables as they are (one that is made anew, or that has the same name
--- elsewhere, is another one), to what is read of them and to the files; another job's is refused, with the code
--- CheckpointMismatch, and so is one that another process is at (FileError). What a map does is not known to it. Where
--- they have these options, they mean the same:
---
--- | option | meaning |
--- | --- | --- |
--- | `checkpoint` | a file's name; without it nothing is kept; `….lock` stands beside it while the job runs |
--- | `progress` | a function that is told how it goes (dynamodb.Progress), after each chunk |
--- | `stop` | a function that returns true when the job is to end: nothing is begun from then on, nothing waited for |
--- | `grace` | seconds that requests under way have then, before they are cut off; 3 |
--- | `stall` | seconds without any success after which it gives up; 60 |
--- | `rcu`, `wcu` | capacity units a second that it may read and write |
--- | `concurrency` | writes under way at a time |
--- | `segments` | parts that a table is scanned in; by its size |
--- | `consistent` | true: strongly consistent scans, for twice the price |
--- | `where`, `names`, `values` | a filter of what is scanned, as of `Table:scan` |
--- | `shard` | `{ i, n }`: the i-th of n processes that share the work; ".i-of-n" is added to its files' names |
--- | `on_error` | what is done about an item that cannot be written: "stop" (the default) or "skip" |
---
--- A map is given an item and returns the item that it shall be (the same table changed, or another one), nil to leave
--- it as it is, or `migrate.delete`. A map that changes its item and returns nothing is a mistake, and told.
local mapper = require "dynamodb.migrate.mapper"

local migrate = {}

--- What a map returns for an item that shall not be there.
migrate.delete = mapper.DELETE

--- Changes the items of a table in place. A write changes only what the map has changed, requires that the item is
--- there, and that it is as it was read: all its attributes, as long as that many fit into a condition; else its
--- version, if the table is declared with one; else, if there is a mark, the attributes that are changed; else the item
--- is refused. An item that others change meanwhile is read and mapped again; one that they delete stays deleted.
--- Before an item is written, its old and its new image are in the undo log, on the disk. What was under way when a run
--- ended is seen to by the next one.
---
--- | option | meaning |
--- | --- | --- |
--- | `table` | dynamodb.Table; its version and its stamps are written, as by every other write |
--- | `map` | a function; one that changes an item's key re-keys it, in one transaction, and needs a mark |
--- | `checkpoint` | required, except for a dry run; beside it stand `….undo`, and `….left`, the items that were left |
--- | `undo` | another name for the undo log |
--- | `mark` | an attribute that is set to true by the same write; or `{ name = value }`: none is mapped twice |
--- | `idempotent` | true: mapping a mapped item again changes nothing; then no mark is needed |
--- | `guard` | what is checked instead: a list of attributes, or a function (old, new) that gives a condition |
--- | `dry_run` | true: nothing is written; the report's `samples` (dynamodb.Sample) show what would change |
--- | `sample` | how many items a dry run looks at, from all over the table; 100 |
--- | `rates` | `{ read = …, write = … }`: money for a million units, for `report.estimate` |
--- | `require_pitr` | true: only if the table has point-in-time recovery |
---
--- A mark is required with writers at work, for re-keying, and for a map that is not idempotent.
---
--- Counts: seen, changed, deleted, rekeyed, unchanged, marked (met again), gone (deleted by others meanwhile),
--- conflicts, failed. A conflict is an item without a mark that was under way when a run ended and is neither as it was
--- nor as it should be.
---@param options table
---@return dynamodb.JobReport? report    also estimate, undo (the file)
---@return dynamodb.Error?               code Incomplete; PitrRequired; FileError; CheckpointMismatch. The cause may be
---                                      MapFailed, InvalidItem, Unguarded, MarkRequired, KeyTaken, Contended, with the
---                                      item's key
function migrate.run(options)
  return require("dynamodb.migrate.run").run(options)
end

--- Takes a migration back: every item that is still as the migration wrote it becomes what it was. An item that was
--- changed or deleted since stays as it is and is listed, in `report.left` and in the file `….revert.left`. When all of
--- it is taken back, the undo log is renamed to `….reverted` and the other files are removed; until then the migration
--- cannot be gone on with. Versions go on.
---@param options table    table, checkpoint (the migration's), undo (if it has another name), shard, guard, wcu,
---                        concurrency, progress, stop, grace, stall
---@return dynamodb.JobReport?    counts: seen, reverted, changed, gone, failed
---@return dynamodb.Error?
function migrate.revert(options)
  return require("dynamodb.migrate.revert").run(options)
end

--- What a migration is going to cost. Without a map: reading the table and writing every item. With one, a sample of
--- the items is mapped; nothing is written.
---@param options table    table; map, mark, guard, sample, where, names, values; rcu, wcu (the caps, for the time),
---                        rates (money for a million units), consistent
---@return dynamodb.Estimate?
---@return dynamodb.Error?
function migrate.cost(options)
  return require("dynamodb.migrate.cost").run(options)
end

--- Writes a table's items into a file, or into a directory in the layout of DynamoDB's export to S3. Names and the
--- elements of sets stand in order, so that exports can be compared.
---
--- | option | meaning |
--- | --- | --- |
--- | `table` | dynamodb.Table |
--- | `file` | a file's name; what is there already is not written over |
--- | `format` | "dynamodb-json" (nothing is lost; the default), "json", "csv" |
--- | `gzip` | true: deflated; so is a file whose name ends in ".gz" |
--- | `columns` | of a CSV: `{ "pk:S", "total:N" }`; else those that the first 2,000 items need |
--- | `directory` | instead of file: an export is made in it, AWSDynamoDB/<id> with manifests and data files |
---@param options table           also where, names, values, segments, rcu, consistent, checkpoint, progress, stop,
---                               grace, stall
---@return dynamodb.JobReport?    path: of the file, or of the export's directory
---@return dynamodb.Error?        the cause may be NoColumn: an item has an attribute for which the CSV has none
function migrate.export(options)
  return require("dynamodb.migrate.export").run(options)
end

--- Puts the items of a file, or of an export to S3, into a table, over whatever is there. Lines that cannot be read and
--- items that are refused are written to a file, as they are; that can be mended and imported.
---
--- | option | meaning |
--- | --- | --- |
--- | `table` | dynamodb.Table |
--- | `file`, `format` | as of `export`; gzip is told by the first bytes, CSV columns without a type are strings |
--- | `directory` | of an export, where manifest-summary.json stands; changes of an incremental one are applied |
--- | `revert` | true: the changes of an incremental export are taken back, to the old images |
--- | `map` | a function, for items |
--- | `errors` | the file for what was not imported; else the name of the file or directory with ".errors" |
--- | `on_failed` | a function that is told of each of these: raw, code, message, item |
---
--- The checksum of a data file is compared before anything of it is written.
---@param options table           also wcu, concurrency, checkpoint, progress, stop, grace, stall
---@return dynamodb.JobReport?    counts: seen, written, deleted, left_out, failed; errors: the file, if there are any
---@return dynamodb.Error?        the cause may be ChecksumMismatch, TruncatedFile, DamagedFile
function migrate.import(options)
  return require("dynamodb.migrate.import").run(options)
end

--- Copies the items of one table into another one, of this account, region and endpoint or another, over whatever is
--- there. A live copy also brings what is written meanwhile: it notes where the source's stream is, scans, and replays
--- the stream from there until there is nothing more. Called again, it goes on with the stream.
---
--- | option | meaning |
--- | --- | --- |
--- | `source`, `target` | dynamodb.Table, of any clients |
--- | `map` | a function; a live copy calls it for every image, and it must give the same for the same |
--- | `live` | true; the source needs a stream with new images, and for a map with old ones, too |
--- | `follow` | true: live, and on until it is stopped; no failure once it has caught up |
--- | `warn` | a function that is given a text when the stream (24 hours) is about to forget its beginning |
--- | `on_failed` | a function that is told of each item that is skipped |
---@param options table           also where, names, values, segments, shard, rcu, wcu, concurrency, consistent,
---                               on_error, checkpoint, progress, stop, grace, stall
---@return dynamodb.JobReport?    counts: seen, copied, left_out, replayed, failed
---@return dynamodb.Error?        the cause may be StreamRequired, StreamTrimmed
function migrate.copy(options)
  return require("dynamodb.migrate.copy").run(options)
end

--- Compares two tables. Items that differ are read a second time, strongly consistent, before they are told.
---
--- | option | meaning |
--- | --- | --- |
--- | `source`, `target` | dynamodb.Table |
--- | `map` | a function: compared is what it makes of the source's items |
--- | `sample` | a number: only so many items, from all over the tables |
--- | `extra` | false: not what only the target has (with map or where, that is never looked for) |
--- | `on_difference` | a function that is told of each: kind ("missing", "different", "extra"), key, source, target |
--- | `directory` | the differences become an incremental export in it |
---
--- The checkpoint is removed when all is compared: the next time it is compared anew.
---
--- Such an export, imported into the target, makes it equal to the source; its revert takes that back.
---@param options table           also where, names, values, segments, rcu, consistent, checkpoint, progress, stop,
---                               grace, stall
---@return dynamodb.JobReport?    same: are they?; differences: the first 100 (dynamodb.Difference); counts: equal,
---                               different, missing, extra; path: of the export
---@return dynamodb.Error?
function migrate.diff(options)
  return require("dynamodb.migrate.compare").run(options)
end

--- Deletes all items of a table.
---@param options table    table, segments, shard, rcu, wcu, concurrency, checkpoint, progress, stop, grace, stall
---@return dynamodb.JobReport?    counts: seen, deleted
---@return dynamodb.Error?
function migrate.truncate(options)
  return require("dynamodb.migrate.remove").truncate(options)
end

--- Deletes the items of one partition.
---@param options table    table, key (`{ pk = value }`, and if wanted a condition on the sort key, as for
---                        `Table:query`), rcu, wcu, concurrency, checkpoint, progress, stop, grace, stall
---@return dynamodb.JobReport?    counts: seen, deleted
---@return dynamodb.Error?
function migrate.delete_partition(options)
  return require("dynamodb.migrate.remove").partition(options)
end

--- Changes or deletes the items that meet a condition. Each write is under that condition again, so that an item that
--- does not meet it any more is left alone. There is no undo log, and after a crash the last items may be swept a
--- second time: let what is written end the condition, or be the same when it is written twice.
---@param options table    table; where, names, values; action: "delete", changes as of `Table:update`, or a function
---                        that is given the item and returns one of them, or nil to leave it; segments, shard, rcu,
---                        wcu, concurrency, consistent, checkpoint, on_error, progress, stop, grace, stall
---@return dynamodb.JobReport?    counts: seen, changed, deleted, unchanged, left_alone, unknown, failed
---@return dynamodb.Error?
function migrate.sweep(options)
  return require("dynamodb.migrate.sweep").run(options)
end

setmetatable(migrate, { __call = function(_, options) return migrate.run(options) end })

return migrate
