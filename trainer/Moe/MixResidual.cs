using Btx.Model.Forests;
using Btx.Model.Registry;

namespace Btx.Trainer.Moe;

/// <summary>What leaving an expert out does not undo: another expert was branched from it and carries its text in the weights.</summary>
/// <param name="Expert">That is mixed.</param>
/// <param name="Ancestor">That was left out.</param>
/// <param name="Share">See <see cref="Lineage.Share"/>.</param>
public sealed record MixResidual(string Expert, string Ancestor, double Share)
{
    /// <exception cref="Model.BtxException">A lineage leads back to itself.</exception>
    internal static IReadOnlyList<MixResidual> Of(ForestManifest forest, IEnumerable<ExpertEntry> mixed, IReadOnlyList<string> without)
    {
        if (without.Count == 0) return [];
        var lineage = Lineage.Of(forest);
        var shares = without.Select(w => (Name: w, Of: lineage.Shares([w]))).ToList();
        return [.. mixed.SelectMany(e => shares.Select(s => new MixResidual(e.Name, s.Name, s.Of.GetValueOrDefault(e.Name))))
            .Where(r => r.Share > 0)];
    }
}
