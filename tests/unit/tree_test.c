/* SPDX-License-Identifier: Apache-2.0 */
/* sources: */
#include <lib/tree.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODES 400

static int check(const struct tree_node *n, const struct tree_node *parent)
{
	int a, b;

	if (!n)
		return 0;
	assert_ptr_equal(n->parent, parent);
	a = check(n->child[0], n);
	b = check(n->child[1], n);
	assert_true(a - b <= 1 && b - a <= 1);
	assert_int_equal(n->height, 1 + (a > b ? a : b));
	return n->height;
}

static void random_insertion_and_removal_keeps_order_and_balance(void **state)
{
	static struct tree_node node[NODES];
	static bool in[NODES];
	struct tree t = { NULL };
	unsigned count = 0;

	(void)state;
	srand(2);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)rand() % NODES, seen = 0;
		uint64_t probe = (uint64_t)rand() % 1000, floor = 0, ceil = ~0ull;

		if (in[i]) {
			tree_remove(&t, &node[i]);
			count--;
		} else {
			node[i].key = (uint64_t)rand() % 1000;
			tree_insert(&t, &node[i]);
			count++;
		}
		in[i] = !in[i];
		if (round % 20)
			continue;
		assert_true(check(t.root, NULL) <= 14);
		for (struct tree_node *n = tree_first(&t), *prev = NULL; n; prev = n, n = tree_next(n)) {
			assert_true(!prev || prev->key <= n->key);
			assert_ptr_equal(tree_prev(n), prev);
			if (n->key <= probe)
				floor = n->key + 1;
			if (n->key >= probe && ceil == ~0ull)
				ceil = n->key;
			seen++;
		}
		assert_int_equal(seen, count);
		assert_int_equal(tree_floor(&t, probe) ? tree_floor(&t, probe)->key + 1 : 0, floor);
		assert_int_equal(tree_ceil(&t, probe) ? tree_ceil(&t, probe)->key : ~0ull, ceil);
	}
}

static void equal_keys_stay_in_the_order_of_insertion(void **state)
{
	static struct tree_node node[100];
	struct tree t = { NULL };
	unsigned i = 0;

	(void)state;
	for (i = 0; i < 100; i++) {
		node[i].key = 5;
		tree_insert(&t, &node[i]);
	}
	i = 0;
	for (struct tree_node *n = tree_first(&t); n; n = tree_next(n))
		assert_ptr_equal(n, &node[i++]);
	assert_int_equal(i, 100);
}

static void an_empty_tree_has_nothing(void **state)
{
	struct tree t = { NULL };

	(void)state;
	assert_null(tree_first(&t));
	assert_null(tree_floor(&t, ~0ull));
	assert_null(tree_ceil(&t, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_insertion_and_removal_keeps_order_and_balance),
		cmocka_unit_test(equal_keys_stay_in_the_order_of_insertion),
		cmocka_unit_test(an_empty_tree_has_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
