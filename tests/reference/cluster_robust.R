# Writes cluster_robust.json beside this script: CR2 errors by clubSandwich, of least squares and of a random intercept (lmer).
# Run: Rscript cluster_robust.R
suppressMessages({library(clubSandwich); library(lme4); library(jsonlite)})

set.seed(41)
layout <- function(sizes, columns, contrasts = list()) {
  group <- rep(seq_along(sizes), sizes)
  x <- cbind(mean = 1, columns(group))
  y <- round(as.numeric(x %*% seq(2, 0.5, length.out = ncol(x))) + rnorm(length(sizes))[group] + rnorm(length(group)), 6)
  list(y = y, x = x, group = group, contrasts = contrasts)
}
turn <- function(group) ave(group, group, FUN = seq_along) %% 2
layouts <- list(
  balanced_pairs = layout(rep(2, 9), function(g) cbind(treated = turn(g))),
  unbalanced = layout(c(1, 2, 3, 5, 2, 4, 1, 6, 3, 2), function(g) cbind(treated = turn(g)), list(c(1, 1))),
  arms_single_rows = layout(rep(1, 15), function(g) cbind(treated = as.numeric(g <= 6))),
  covariates = layout(rep(c(2, 4, 3), 6), function(g) cbind(
    treated = turn(g), severity = round(rnorm(18), 3)[g], age = round(rnorm(length(g), 40, 12), 1)),
    list(c(1, 1, 0.5, 40), c(0, 1, -1, 0))),
  very_unequal = layout(c(60, 2, 3, 1, 25, 4, 2), function(g) cbind(treated = turn(g), dose = round(rexp(length(g)), 3))),
  few_carry = layout(rep(3, 14), function(g) cbind(treated = turn(g), rare = as.numeric(g %in% c(3, 9))), list(c(1, 1, 1))),
  one_alone = layout(c(4, 3, 5, 2, 4, 6), function(g) cbind(treated = turn(g), fourth = as.numeric(g == 4))),
  own_level_each = layout(c(4, 3, 5, 2, 4, 6), function(g) cbind(treated = turn(g), model.matrix(~ factor(g))[, -1]))
)
for (name in names(layouts)) colnames(layouts[[name]]$x) <- make.names(colnames(layouts[[name]]$x))

result <- function(s) {
  fit <- lm(s$y ~ 0 + s$x)
  v <- vcovCR(fit, cluster = s$group, type = "CR2")
  found <- coef_test(fit, vcov = v, test = "Satterthwaite")
  limits <- conf_int(fit, vcov = v, level = 0.95, test = "Satterthwaite")
  sums <- lapply(s$contrasts, function(w) {
    r <- linear_contrast(fit, vcov = v, contrasts = matrix(w, 1), test = "Satterthwaite", p_values = TRUE)
    list(weights = w, estimate = r$Est, std_error = r$SE, df = r$df, p_value = r$p_val, ci_low = r$CI_L, ci_high = r$CI_U)
  })
  # left out in turn; a group that determines a column alone leaves no fit
  without <- lapply(unique(s$group), function(g) coef(lm(s$y ~ 0 + s$x, subset = s$group != g)))
  without <- if (anyNA(unlist(without))) list() else lapply(without, unname)
  list(residuals = unname(residuals(fit)), rstandard = unname(rstandard(fit)), without = without,
       columns = colnames(s$x), y = s$y, x = s$x, group = s$group,
       expected = list(estimate = found$beta, std_error = found$SE, df = found$df_Satt, t = found$tstat,
                       p_value = found$p_Satt, ci_low = limits$CI_L, ci_high = limits$CI_U),
       contrasts = sums)
}

least_squares <- lapply(layouts, result)

# Repeated visits of two arms, a spread that grows over the visits; who drops out stays away.
visits <- function(seen, columns, own = 1) {
  group <- rep(seq_along(seen), seen); visit <- sequence(seen); arm <- group %% 2
  x <- columns(arm, visit, group)
  y <- round(as.numeric(x %*% seq(2, 0.5, length.out = ncol(x))) + own * rnorm(length(seen))[group] + 0.6 * visit * rnorm(length(group)), 6)
  list(y = y, x = x, group = group)
}
each_visit <- function(arm, visit, group) { v <- factor(visit); model.matrix(~ 0 + v + v:arm) }
mixed <- list(
  balanced = visits(rep(3, 12), each_visit),
  unbalanced = visits(c(3, 2, 3, 1, 3, 3, 2, 3, 3, 3, 1, 3, 2, 3), each_visit, 1.5),
  arms = visits(c(1, 2, 3, 5, 2, 4, 1, 6, 3, 2), function(arm, visit, group) cbind(mean = 1, arm = arm)),
  slopes = visits(c(4, 5, 3, 4, 2, 5, 4, 3, 5, 4), function(arm, visit, group)
    cbind(mean = 1, arm = arm, time = visit - 1, by_arm = arm * (visit - 1), severity = round(rnorm(10), 3)[group]), 2),
  alike = visits(rep(c(3, 3, 2, 3), 3), each_visit, 3),
  one_alone = visits(c(3, 4, 3, 2, 4, 3, 3), function(arm, visit, group) cbind(mean = 1, time = visit, fourth = as.numeric(group == 4)), 2)
)
of_lmer <- function(s) {
  d <- data.frame(y = s$y, group = factor(s$group)); x <- s$x; p <- ncol(x)
  fit <- lmer(y ~ 0 + x + (1 | group), d, control = lmerControl(optCtrl = list(xtol_abs = 1e-15, ftol_abs = 1e-15, maxeval = 1e5)))
  v <- vcovCR(fit, type = "CR2"); found <- coef_test(fit, vcov = v, test = "Satterthwaite")
  w <- c(1, 0.5, rep(-1, p - 2)); r <- linear_contrast(fit, vcov = v, contrasts = matrix(w, 1), test = "Satterthwaite")
  joint <- Wald_test(fit, constraints = diag(p)[-1, , drop = FALSE], vcov = v, test = "HTZ")
  list(columns = colnames(x), y = s$y, x = x, group = s$group, theta = as.numeric(getME(fit, "theta"))^2,
       expected = list(estimate = found$beta, std_error = found$SE, df = found$df_Satt, p_value = found$p_Satt),
       contrast = list(weights = w, estimate = r$Est, std_error = r$SE, df = r$df),
       joint = list(f = joint$Fstat, df_num = joint$df_num, df_den = joint$df_denom, p_value = joint$p_val))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/cluster_robust.R", r = R.version.string,
  packages = list(clubSandwich = as.character(packageVersion("clubSandwich")), lme4 = as.character(packageVersion("lme4"))),
  calls = c("coef_test(lm, vcov = vcovCR(lm, cluster, type = 'CR2'), test = 'Satterthwaite')",
            "conf_int(..., test = 'Satterthwaite')", "linear_contrast(..., test = 'Satterthwaite')",
            "vcovCR(lmer(y ~ 0 + x + (1 | group)), type = 'CR2')", "Wald_test(..., test = 'HTZ')",
            "residuals(lm)", "rstandard(lm)", "coef(lm(..., subset = group != g))"),
  layouts = least_squares, mixed = lapply(mixed, of_lmer))), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "cluster_robust.json")
