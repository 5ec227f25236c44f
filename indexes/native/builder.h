/* Making the links of a graph; plain C11, no Python in here. */
#ifndef CXR_BUILDER_H
#define CXR_BUILDER_H

#include "reader.h"

/* The links of `count` rows: links[count][degree], filled up with CXR_NO_ROW.
 *
 * candidates[count][length] holds rows in any order, repeated or CXR_NO_ROW. They are taken nearest
 * first; one is left out when a link taken before lies nearer to it than the row does, by a factor
 * of `alpha` in squared distance (the pruning of DiskANN). base is float32. Returns CXR_OK,
 * CXR_NO_MEMORY or CXR_BAD_LINK. */
int cxr_prune(const cxr_kernel *kernel, const cxr_matrix *base, const uint32_t *rows, size_t count,
              const uint32_t *candidates, size_t length, float alpha, uint32_t *links,
              size_t degree);

#endif
