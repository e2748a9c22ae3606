// Package hardtest tries promotion the hard way: it kills promoters, breaks registries,
// and changes what lies in stores.
//
// Nothing here is a stand-in. Registries, stores, keys and signatures are real, and a
// promoter that is killed is a process. What must hold after each trial is the same: a
// channel's pointer is what its ledger says, and its ledger is a whole line.
package hardtest
