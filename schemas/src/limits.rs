//! Sizes and counts that more than one place must agree on. Units are in the names.

/// Largest sealed request or answer. The biggest honest one is a cggmp24 auxiliary-data round
/// (about 420 kB from each side); twice that leaves room for padding.
pub const MAX_SEALED_BYTES: usize = 1_048_576;
/// Largest HTTP body: the sealed bytes in base64url plus the JSON around them.
pub const MAX_HTTP_BODY_BYTES: usize = 1_500_000;
/// Largest function-to-enclave call: a body plus the records that go with it.
pub const MAX_ENCLAVE_CALL_BYTES: usize = 4_194_304;
/// Sealed answers up to this size are stored for retries beside the writes they belong to
/// (a DynamoDB item holds at most 400 kB); larger ones stay in enclave memory.
pub const MAX_STORED_ANSWER_BYTES: usize = 65_536;
/// Largest JWT. Identity providers stay far below; a larger one only costs CPU.
pub const MAX_TOKEN_BYTES: usize = 8_192;
/// Largest message to sign, in the form the client sends it.
pub const MAX_SIGN_REQUEST_BYTES: usize = 262_144;
/// Most protocol messages in one step: a room has few parties and each says little a round.
pub const MAX_MESSAGES_PER_STEP: usize = 64;
/// Most queries answered in one enclave call. A list of a user's records is one query.
pub const MAX_RECORDS_PER_CALL: usize = 64;
/// Most records that answer one query. A list that is longer is not handed over in part: the
/// request is refused, because a rotation that misses a backup would leave it open to a factor
/// that was removed.
pub const MAX_RECORDS_PER_QUERY: usize = 200;
/// Most writes in one commit: a DynamoDB transaction takes 100, the function adds its own.
pub const MAX_WRITES_PER_COMMIT: usize = 90;
/// Wallets a user may have that are not archived, and backups: when a factor is removed, all of
/// them are sealed anew and travel in one request of [`MAX_SEALED_BYTES`].
pub const MAX_WALLETS_PER_USER: usize = 28;
/// Wallets a user may have, archived ones included. Less than [`MAX_RECORDS_PER_QUERY`], so that
/// creations that race cannot make a list that is too long to be loaded.
pub const MAX_KEPT_WALLETS_PER_USER: usize = 160;
/// Largest backup as the user seals it: 32 KiB padded, header and tag. An honest one with a cggmp24
/// preparation (19.5 kB) has this size.
pub const MAX_BACKUP_BYTES: usize = 32 * 1024 + 64;
/// Factors a user may have.
pub const MAX_FACTORS_PER_USER: usize = 12;
/// Devices a user may have that are not revoked. One more takes the place of the oldest that never
/// showed a factor.
pub const MAX_DEVICES_PER_USER: usize = 20;
/// Devices a user may have that showed a factor and are not revoked: fewer, so that there is always
/// room for a new one.
pub const MAX_PROVED_DEVICES_PER_USER: usize = 16;
/// How long a device that never showed a factor is safe from revocation by others, in seconds: time
/// for its user to unlock one, and to declare a stolen one lost.
pub const NEW_DEVICE_S: u64 = 3_600;
/// Wallets taken over in one request.
pub const MAX_WALLETS_PER_RESTORE: usize = 16;
/// Longest name of a device in bytes.
pub const MAX_DEVICE_NAME_BYTES: usize = 64;
/// How long an event is kept, in seconds.
pub const EVENT_LIFETIME_S: u64 = 90 * 86_400;
/// Sessions a user may hold at once; the oldest leaves.
pub const MAX_SESSIONS_PER_USER: usize = 10;
/// How long a session lives when the client asks for nothing shorter, in seconds.
pub const SESSION_LIFETIME_S: u64 = 900;
/// How long a session can be renewed after its token was verified, in seconds.
pub const SESSION_MAX_AGE_S: u64 = 43_200;
/// How far two clocks may differ, in seconds.
pub const MAX_CLOCK_SKEW_S: u64 = 60;
/// How long a signed HTTP request may be on its way, in seconds.
pub const MAX_SIGNATURE_AGE_S: u64 = 60;
/// How long an idempotency record is kept, in seconds.
pub const IDEMPOTENCY_LIFETIME_S: u64 = 86_400;
/// How long a running ceremony stays in enclave memory, in seconds.
pub const CEREMONY_LIFETIME_S: u64 = 300;
