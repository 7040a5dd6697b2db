//! For load balancers and operators. Unsigned, and says nothing about anybody.

pub(crate) mod live;
pub(crate) mod ready;

pub(crate) use ready::ReadinessCache;
