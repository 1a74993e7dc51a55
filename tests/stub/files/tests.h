/* The groups of tests: a file each. */
#ifndef TESTS_H
#define TESTS_H

void test_opening(void);
void test_asking(void);
void test_changing(void);
void test_directories(void);
void test_working_directory(void);
void test_fallbacks(void);
void test_threads(void);

#endif
