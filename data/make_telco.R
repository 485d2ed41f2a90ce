# Writes telco_customer_churn.csv beside this script's caller: `Rscript data/make_telco.R data/telco_customer_churn.csv`.
# Needs R and its package modeldata (Debian: apt-get install --no-install-recommends r-cran-modeldata r-base-core).
# Columns and rows stay in the set's own order. A missing total_charges is an empty cell.

target <- commandArgs(trailingOnly = TRUE)
if (length(target) != 1) stop("usage: Rscript data/make_telco.R OUTPUT.csv")

# The set is a data object of the package; loading it needs no other part of modeldata.
utils::data("wa_churn", package = "modeldata", envir = environment())
customers <- as.data.frame(wa_churn)
stopifnot(nrow(customers) == 7043, ncol(customers) == 20, sum(is.na(customers)) == 11)

# Without quotes a comma in a category would shift its row.
text <- vapply(customers, is.factor, logical(1))
stopifnot(!any(grepl("[\",\n]", unlist(lapply(customers[text], levels)))))

# A binary connection keeps LF line ends on every platform; 15 digits give back every amount as it was entered.
options(digits = 15)
out <- file(target, open = "wb")
write.table(customers, out, sep = ",", na = "", quote = FALSE, row.names = FALSE, eol = "\n")
close(out)
