//! Room in memory that is used again and again.

/// Empties `items` and makes room for `least`. Where there is less, it is given back before more is asked for, so that nothing
/// is copied that is lost anyway; and as the next use is about as large, a little more is asked for instead of twice as much.
pub(crate) fn make_room<T>(items: &mut Vec<T>, least: usize) {
    items.clear();
    if items.capacity() < least {
        *items = Vec::new();
        items.reserve_exact(least + least / 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_and_grows_by_little() {
        let mut items = vec![1u64, 2];
        make_room(&mut items, 800);
        assert!(items.is_empty() && (800..1000).contains(&items.capacity()), "{items:?}");
        let before = (items.as_ptr(), items.capacity());
        items.extend(0..800);
        make_room(&mut items, 500);
        assert!(items.is_empty());
        assert_eq!((items.as_ptr(), items.capacity()), before);
    }
}
