-- Positions by compare and set, parked records and commands in one step. Nothing is changed unless all can be.
-- Or a retry of parked records: those that were applied are taken out, and counted in the position of their partition.
-- KEYS: positions, parked, uncopied, active generation, mark of a switch under way, mark of a retry that has its turn.
-- ARGV: generation that must be active ("" for a rebuild), then JSON {steps, parked, commands} or {retry, commands}.
-- A retry is {partition, unparked, parkings, done, failed}: it proves that nothing of the partition was parked meanwhile.
-- Each step is {partition, before, after, epoch, writer, appended_ms, void, unparked, parkings}, the last one to add up.
-- Commands that cannot be applied are refused all at once: {"refused", number, why, number, why...}.
local wanted = ARGV[1]
if wanted ~= "" then
  if redis.call("EXISTS", KEYS[5]) == 1 then return {"switch"} end
  if redis.call("GET", KEYS[4]) ~= wanted then return {"generation"} end
end
local batch = cjson.decode(ARGV[2])
if wanted ~= "" and not batch.retry and redis.call("EXISTS", KEYS[6]) == 1 then return {"switch"} end

local damaged = redis.call("HGET", KEYS[1], "damaged")
if damaged then return {"damaged", damaged} end
local retry, retried = batch.retry, nil
if retry then
  local stored = redis.call("HGET", KEYS[1], retry.partition)
  if not stored then return {"position"} end
  retried = cjson.decode(stored)
  if (retried.unparked or 0) ~= retry.unparked or (retried.parkings or 0) ~= retry.parkings then return {"position"} end
end
local old = {}
for i, step in ipairs(batch.steps or {}) do
  local stored = redis.call("HGET", KEYS[1], step.partition)
  if not stored then return {"position"} end
  old[i] = cjson.decode(stored)
  if old[i].next_offset ~= step.before or (old[i].unparked or 0) ~= step.unparked then return {"position"} end
end

local kinds = {
  ZINCRBY = "zset", ZADD = "zset", ZREM = "zset", ZREMRANGEBYSCORE = "zset", HSET = "hash", HDEL = "hash", HINCRBY = "hash",
  SADD = "set", SREM = "set", INCRBY = "string", SET = "", DEL = "", EXPIRE = "",
}
local number_at = {ZINCRBY = 3, HINCRBY = 4, INCRBY = 3, ZADD = 3, EXPIRE = 3}
local types = {}
local function objection(command)
  local name, key = command[1], command[2]
  local kind = kinds[name]
  if not kind then return "the command " .. name .. " is not among those that can be checked" end
  local found = types[key]
  if not found then
    found = redis.call("TYPE", key).ok
    types[key] = found
  end
  if kind ~= "" and found ~= "none" and found ~= kind then
    return name .. " needs a " .. kind .. ", but " .. key .. " is a " .. found
  end
  local at = number_at[name]
  local number = at and tonumber(command[at])
  if at and (not number or number ~= number or number == math.huge or number == -math.huge) then
    return name .. " needs a number, not " .. tostring(command[at])
  end
end

local refused = {"refused"}
for i, command in ipairs(batch.commands) do
  local why = objection(command)
  if why then
    refused[#refused + 1] = i
    refused[#refused + 1] = why
  end
end
if #refused > 1 then return refused end

for i, command in ipairs(batch.commands) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == "table" and answer.err then
    -- Of the command itself; any other code (OOM, MISCONF, READONLY) is of a server that takes no writes at the moment.
    local is_poison = string.find(answer.err, "^ERR ") or string.find(answer.err, "^WRONGTYPE ")
    if i == 1 then return is_poison and {"refused", i, answer.err} or answer end
    redis.call("HSET", KEYS[1], "damaged", answer.err)
    return {"damaged", answer.err}
  end
end
if retry then
  for _, field in ipairs(retry.done) do
    redis.call("HDEL", KEYS[2], field)
    redis.call("SREM", KEYS[3], field)
  end
  for _, one in ipairs(retry.failed) do redis.call("HSET", KEYS[2], one[1], one[2]) end
  if #retry.done > 0 then
    retried.unparked = retry.unparked + 1
    redis.call("HSET", KEYS[1], retry.partition, cjson.encode(retried))
  end
end
for i, step in ipairs(batch.steps or {}) do
  local appended_ms = step.appended_ms > 0 and step.appended_ms or old[i].appended_ms
  redis.call("HSET", KEYS[1], step.partition, cjson.encode({
    next_offset = step.after, epoch = step.epoch, writer = step.writer,
    appended_ms = appended_ms, void = old[i].void + step.void, unparked = step.unparked,
    parkings = (old[i].parkings or 0) + step.parkings,
  }))
end
for _, one in ipairs(batch.parked or {}) do
  redis.call("HSETNX", KEYS[2], one[1], one[2])
  redis.call("SADD", KEYS[3], one[1])
end
return {"ok"}
