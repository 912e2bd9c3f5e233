using Btx.Model.Forests;

namespace Btx.Trainer.Mixtures;

/// <summary>What leaving an expert out does not undo: another expert was branched from it and carries its text in the weights.</summary>
/// <param name="Expert">That is mixed.</param>
/// <param name="Ancestor">That was left out.</param>
/// <param name="Share">See <see cref="Ancestry.Share"/>.</param>
public sealed record MixResidual(string Expert, string Ancestor, double Share)
{
    internal static IReadOnlyList<MixResidual> Of(ForestManifest forest, IEnumerable<ExpertEntry> mixed, IReadOnlyList<string> without) =>
        [.. mixed.SelectMany(e => without.Select(w => new MixResidual(e.Name, w, Ancestry.Share(forest, e.Name, w)))).Where(r => r.Share > 0)];
}
