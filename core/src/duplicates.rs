//! Near-duplicates among millions of photos: multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in Hamming space with
//! multi-index hashing", 2012).
//!
//! A hash is nine bands of 16 bits. Where two hashes differ in at most 26 bits, some band of them differs in at most two: all hashes
//! that are near another one stand in the 137 buckets about each of its nine bands, and nothing is missed. Beside each place in a bucket
//! stands the sketch of its hash, four bands of it: most of what is not near is left out by it without a look at the hash, which would
//! be somewhere in memory. What is held is the hashes and nine tables, about 140 bytes a photo.

use std::ops::Range;
use std::thread;

use crate::scene_hash::{BYTES, NEAR, SceneHash};

const BANDS: usize = BYTES / 2;
/// Bits in which some band of two near hashes differs at most.
const NEAR_IN_BAND: u32 = NEAR / BANDS as u32;
/// Photos whose neighbours are looked for at once.
const AT_ONCE: usize = 1 << 14;
/// Bands of a sketch.
const SKETCHED: usize = 4;
const BUCKETS: usize = 1 << 16;
/// Photos up to which each is compared with each: tables cost more than that.
const FEW: usize = 400;

/// Groups near-duplicates. `photos` come best first: the best of a group is its first. All others of the group are near it, or near one
/// that is: two copies that were cropped differently are nearer to the whole photo than to each other. No group reaches further, so that
/// none grows from photo to photo without end. Those that are near none are in no group. Gives places in `photos`.
///
/// # Panics
/// Never: fewer than `u32::MAX` hashes fit into memory.
#[must_use]
pub fn groups(photos: &[SceneHash]) -> Vec<Vec<usize>> {
    // Photos of the same hash are looked for once.
    let mut by_hash: Vec<u32> = (0..u32::try_from(photos.len()).expect("so many do not fit into memory")).collect();
    by_hash.sort_unstable_by_key(|place| (photos[*place as usize], *place));
    let same: Vec<&[u32]> = by_hash.chunk_by(|one, other| photos[*one as usize] == photos[*other as usize]).collect();
    let mut distinct: Vec<u32> = (0..same.len() as u32).collect();
    distinct.sort_unstable_by_key(|at| same[*at as usize][0]);
    let hashes: Vec<SceneHash> = same.iter().map(|places| photos[places[0] as usize]).collect();
    let index = (hashes.len() > FEW).then(|| Index::new(&hashes));

    let near = |at: u32| match &index {
        Some(index) => index.near(&hashes, at),
        None => (0..hashes.len() as u32).filter(|other| is_near(&hashes, at, *other)).collect(),
    };
    let mut taken = vec![false; hashes.len()];
    let mut groups = Vec::new();
    // Some at a time: looked for on all cores, given out in their order.
    for some in distinct.chunks(AT_ONCE) {
        let open: Vec<u32> = some.iter().copied().filter(|leader| !taken[*leader as usize]).collect();
        for (leader, near_leader) in open.iter().zip(on_all_cores(&open, &near)) {
            // One of those before it may have taken it meanwhile.
            if taken[*leader as usize] {
                continue;
            }
            let mut take = |near: Vec<u32>| -> Vec<u32> {
                near.into_iter().filter(|other| !std::mem::replace(&mut taken[*other as usize], true)).collect()
            };
            let mut members = take(near_leader);
            for at in 0..members.len() {
                let more = take(near(members[at]));
                members.extend(more);
            }
            let places = members.iter().flat_map(|member| same[*member as usize]);
            let mut group: Vec<usize> = places.map(|place| *place as usize).collect();
            if group.len() > 1 {
                // The leader is the best that was left: it stays the first.
                group.sort_unstable();
                groups.push(group);
            }
        }
    }
    groups
}

fn is_near(hashes: &[SceneHash], one: u32, other: u32) -> bool {
    hashes[one as usize].distance(&hashes[other as usize]) <= NEAR
}

/// What is near each of the leaders, itself included; in their order.
fn on_all_cores(leaders: &[u32], near: &(impl Fn(u32) -> Vec<u32> + Sync)) -> Vec<Vec<u32>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    if leaders.len() < FEW || cores == 1 {
        return leaders.iter().map(|leader| near(*leader)).collect();
    }
    thread::scope(|scope| {
        let work = |part: &[u32]| part.iter().map(|leader| near(*leader)).collect::<Vec<_>>();
        let parts: Vec<_> =
            leaders.chunks(leaders.len().div_ceil(cores)).map(|part| scope.spawn(move || work(part))).collect();
        let found = parts.into_iter().map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        found.flatten().collect()
    })
}

/// For each band a table of hashes by its 16 bits.
struct Index {
    tables: Vec<Table>,
    /// What neighbouring buckets differ in.
    flips: Vec<u16>,
}

struct Table {
    /// Where the hashes of a bucket begin; those of the next one end them.
    starts: Vec<u32>,
    places: Vec<u32>,
    sketches: Vec<u64>,
}

impl Index {
    fn new(hashes: &[SceneHash]) -> Self {
        let flips = (0..=u16::MAX).filter(|flip| flip.count_ones() <= NEAR_IN_BAND).collect();
        Self { tables: (0..BANDS).map(|at| Table::new(hashes, at)).collect(), flips }
    }

    /// Places of all hashes that are near the one at a place, itself included, each once.
    fn near(&self, hashes: &[SceneHash], at: u32) -> Vec<u32> {
        let hash = &hashes[at as usize];
        let mut found = Vec::new();
        for (number, table) in self.tables.iter().enumerate() {
            let (own, own_sketch) = (band(hash, number), sketch(hash, number));
            for flip in &self.flips {
                let bucket = table.bucket(own ^ flip);
                for (place, sketch) in bucket.clone().zip(&table.sketches[bucket]) {
                    if (sketch ^ own_sketch).count_ones() <= NEAR && is_near(hashes, at, table.places[place]) {
                        found.push(table.places[place]);
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Table {
    fn new(hashes: &[SceneHash], at: usize) -> Self {
        let mut starts = vec![0u32; BUCKETS + 1];
        for hash in hashes {
            starts[usize::from(band(hash, at)) + 1] += 1;
        }
        for bucket in 0..BUCKETS {
            starts[bucket + 1] += starts[bucket];
        }
        let mut next = starts.clone();
        let (mut places, mut sketches) = (vec![0; hashes.len()], vec![0; hashes.len()]);
        for (place, hash) in (0u32..).zip(hashes) {
            let bucket = &mut next[usize::from(band(hash, at))];
            places[*bucket as usize] = place;
            sketches[*bucket as usize] = sketch(hash, at);
            *bucket += 1;
        }
        Self { starts, places, sketches }
    }

    fn bucket(&self, bits: u16) -> Range<usize> {
        let bucket = usize::from(bits);
        self.starts[bucket] as usize..self.starts[bucket + 1] as usize
    }
}

fn band(hash: &SceneHash, at: usize) -> u16 {
    let bytes = hash.bytes();
    u16::from_be_bytes([bytes[2 * at], bytes[2 * at + 1]])
}

/// The bands after one.
fn sketch(hash: &SceneHash, at: usize) -> u64 {
    (1..=SKETCHED).fold(0, |sketch, after| sketch << 16 | u64::from(band(hash, (at + after) % BANDS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hashes about a few scenes, some bits of each changed.
    fn photos(scenes: usize, count: usize, most: usize) -> impl Strategy<Value = Vec<SceneHash>> {
        let scene = prop::array::uniform18(any::<u8>());
        let changed = (0..scenes, prop::collection::vec(0..8 * BYTES, 0..most));
        (prop::collection::vec(scene, scenes), prop::collection::vec(changed, count)).prop_map(|(scenes, changed)| {
            let hash = |(scene, bits): (usize, Vec<usize>)| {
                let mut bytes: [u8; BYTES] = scenes[scene];
                bits.iter().for_each(|bit| bytes[bit / 8] ^= 1 << (bit % 8));
                SceneHash::from(bytes)
            };
            changed.into_iter().map(hash).collect()
        })
    }

    /// The same by comparing each with each.
    fn each_with_each(photos: &[SceneHash]) -> Vec<Vec<usize>> {
        let (mut taken, mut groups) = (vec![false; photos.len()], Vec::new());
        for leader in 0..photos.len() {
            if taken[leader] {
                continue;
            }
            let mut take = |from: usize| -> Vec<usize> {
                let near = |other: &usize| !taken[*other] && photos[from].distance(&photos[*other]) <= NEAR;
                let found: Vec<usize> = (0..photos.len()).filter(near).collect();
                found.iter().for_each(|place| taken[*place] = true);
                found
            };
            let ring = take(leader);
            let mut group: Vec<usize> = ring.iter().flat_map(|member| take(*member)).chain(ring.clone()).collect();
            group.sort_unstable();
            groups.extend(Some(group).filter(|group| group.len() > 1));
        }
        groups
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn tables_miss_nothing(photos in photos(40, 2 * FEW, 40)) {
            prop_assert_eq!(groups(&photos), each_with_each(&photos));
        }

        #[test]
        fn nor_do_few_photos(photos in photos(5, 30, 40)) {
            prop_assert_eq!(groups(&photos), each_with_each(&photos));
        }
    }

    #[test]
    fn the_first_is_kept_and_what_is_alone_is_in_no_group() {
        let hash = |first: u8| {
            let mut bytes = [0; BYTES];
            bytes[..9].fill(first);
            SceneHash::from(bytes)
        };
        let photos = [hash(0), hash(0xff), hash(0), hash(1), hash(0xf0)];
        assert_eq!(groups(&photos), [vec![0, 2, 3]]);
        assert!(groups(&[]).is_empty());
    }
}
